package testcert_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
)

// What is issued is what its name says, and what is written can be read back.
func TestIssue(t *testing.T) {
	a, err := testcert.NewAuthority()
	require.NoError(t, err)
	stranger, err := testcert.NewAuthority()
	require.NoError(t, err)
	verify := func(by *testcert.Authority, changes ...func(*x509.Certificate)) error {
		c, err := a.Issue(changes...)
		require.NoError(t, err)
		parsed, err := x509.ParseCertificate(c.Certificate[0])
		require.NoError(t, err)
		_, err = parsed.Verify(x509.VerifyOptions{Roots: by.Pool(), DNSName: "127.0.0.1"})
		return err
	}
	require.NoError(t, verify(a))
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, verify(stranger), &unknown)
	var host x509.HostnameError
	require.ErrorAs(t, verify(a, testcert.OtherHost), &host)
	var invalid x509.CertificateInvalidError
	require.ErrorAs(t, verify(a, testcert.Expired), &invalid)
	require.Equal(t, x509.Expired, invalid.Reason)
}

func TestWrite(t *testing.T) {
	a, err := testcert.NewAuthority()
	require.NoError(t, err)
	c, err := a.Issue()
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile, err := testcert.Write(dir, "server", c)
	require.NoError(t, err)
	read, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	require.Equal(t, c.Certificate, read.Certificate)
	caFile, err := testcert.WriteAuthority(dir, a)
	require.NoError(t, err)
	text, err := os.ReadFile(caFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	require.True(t, pool.Equal(a.Pool()))
	_, _, err = testcert.Write(dir+"/nowhere", "server", c)
	require.Error(t, err)
}
