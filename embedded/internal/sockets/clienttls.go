package sockets

import (
	"crypto/tls"
	"crypto/x509"
)

// ClientTLS returns a client's side for a server's. Certificates that the server picks
// by a function are not known here: those need a root of the client's system.
func ClientTLS(server *tls.Config) *tls.Config {
	client := &tls.Config{MinVersion: server.MinVersion, MaxVersion: server.MaxVersion}
	for _, chain := range server.Certificates {
		for _, der := range chain.Certificate {
			certificate, err := x509.ParseCertificate(der)
			if err != nil {
				continue // the handshake will say so
			}
			if client.RootCAs == nil {
				client.RootCAs = x509.NewCertPool()
			}
			client.RootCAs.AddCert(certificate)
		}
	}
	return client
}
