// Package testcert makes certificates for tests and for clusters that are
// started by hand: an authority, and what it signs. They last from 1999, since
// the clock of a testing/synctest bubble begins in 2000, to 2100.
package testcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

var (
	begin = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	end   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Authority signs certificates. It is one that nobody trusts by default.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority.
func NewAuthority() (*Authority, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, NotBefore: begin, NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	certificate, key, err := sign(template, nil)
	if err != nil {
		return nil, fmt.Errorf("testcert: authority: %w", err)
	}
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("testcert: authority: %w", err)
	}
	return &Authority{certificate: parsed, key: key}, nil
}

// Pool trusts what the authority has signed.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Issue makes a certificate, and its key, for a server or a client on
// 127.0.0.1. Each change is applied to the template before it is signed.
func (a *Authority) Issue(changes ...func(*x509.Certificate)) (tls.Certificate, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test"}, NotBefore: begin, NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, change := range changes {
		change(template)
	}
	der, key, err := sign(template, a)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("testcert: issue: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// Expired makes a certificate that ended in 1999.
func Expired(c *x509.Certificate) {
	c.NotAfter = begin.Add(24 * time.Hour)
}

// OtherHost makes a certificate for a host that no test is on.
func OtherHost(c *x509.Certificate) {
	c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"}
}

// SelfSigned makes a server certificate for 127.0.0.1 and the pool that trusts it.
func SelfSigned() (tls.Certificate, *x509.CertPool, error) {
	a, err := NewAuthority()
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	c, err := a.Issue()
	return c, a.Pool(), err
}

// sign makes a key and a certificate for it, signed by the key itself if a is
// nil.
func sign(template *x509.Certificate, a *Authority) ([]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	parent, by := template, key
	if a != nil {
		parent, by = a.certificate, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	return der, key, err
}

// WriteAuthority writes the authority's certificate into the folder and returns
// the file's path.
func WriteAuthority(dir string, a *Authority) (string, error) {
	return writePEM(filepath.Join(dir, "authority.pem"), "CERTIFICATE", a.certificate.Raw)
}

// Write writes a certificate and its key (PKCS #8, which Netty wants) into the
// folder, under the name, and returns the paths of the two files.
func Write(dir, name string, c tls.Certificate) (certFile, keyFile string, err error) {
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return "", "", fmt.Errorf("testcert: key of %s: %w", name, err)
	}
	certFile, certErr := writePEM(filepath.Join(dir, name+".pem"), "CERTIFICATE", c.Certificate[0])
	keyFile, keyErr := writePEM(filepath.Join(dir, name+".key"), "PRIVATE KEY", key)
	return certFile, keyFile, errors.Join(certErr, keyErr)
}

func writePEM(path, kind string, der []byte) (string, error) {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		return "", fmt.Errorf("testcert: %w", err)
	}
	return path, nil
}
