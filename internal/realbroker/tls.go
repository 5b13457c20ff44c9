package realbroker

import "errors"

// TLS says what the servers of a cluster show to clients that begin with a TLS
// handshake. Others go on in plain text (tls.server.mode=permissive), as the
// witness, mqadmin and the servers among themselves do.
type TLS struct {
	// CertFile and KeyFile are the certificate of all servers, which are on
	// 127.0.0.1, and its key, in PEM; the key as PKCS #8.
	CertFile, KeyFile string
	// ClientCAFile, if not empty, makes the servers want a certificate of their
	// clients, signed by one of those in the file.
	ClientCAFile string
}

func (c *Config) validateTLS() error {
	if c.TLS != nil && (c.TLS.CertFile == "" || c.TLS.KeyFile == "") {
		return errors.New("realbroker: Config.TLS needs CertFile and KeyFile")
	}
	return nil
}

// tlsOptions are the options of the JVMs of servers (TlsSystemConfig).
func (c *Config) tlsOptions() []string {
	if c.TLS == nil {
		return nil
	}
	options := []string{
		"-Dtls.test.mode.enable=false",
		"-Dtls.server.certPath=" + c.TLS.CertFile,
		"-Dtls.server.keyPath=" + c.TLS.KeyFile,
	}
	if c.TLS.ClientCAFile != "" {
		options = append(options,
			"-Dtls.server.need.client.auth=require",
			"-Dtls.server.authClient=true",
			"-Dtls.server.trustCertPath="+c.TLS.ClientCAFile,
		)
	}
	return options
}
