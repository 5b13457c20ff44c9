package preflight

import (
	"context"
	"errors"
	"fmt"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func fine(aspect check.Aspect, subject, reason string) check.Item {
	return check.Item{Aspect: aspect, Subject: subject, Status: check.OK, Reason: reason}
}

func bad(aspect check.Aspect, subject, reason, advice string) check.Item {
	return check.Item{Aspect: aspect, Subject: subject, Status: check.Bad, Reason: reason, Advice: advice}
}

func warning(aspect check.Aspect, subject, reason, advice string) check.Item {
	return check.Item{Aspect: aspect, Subject: subject, Status: check.Warning, Reason: reason, Advice: advice}
}

// lessened is a bad item as a warning, since something else makes up for it. Others stay
// as they are.
func lessened(item check.Item) check.Item {
	if item.Status == check.Bad {
		item.Status = check.Warning
	}
	return item
}

// aggravated is a warning as a bad item, since nothing makes up for it. Others stay as
// they are.
func aggravated(item check.Item) check.Item {
	if item.Status == check.Warning {
		item.Status = check.Bad
	}
	return item
}

func unknown(aspect check.Aspect, subject, reason string) check.Item {
	return check.Item{Aspect: aspect, Subject: subject, Status: check.Unknown, Reason: reason}
}

// failed is a bad item for an error; one that is unknown if it was the check
// that ended.
func (c *checker) failed(aspect check.Aspect, subject string, err error, advice string) check.Item {
	if refusal := verdict.Refusal(err); refusal != nil {
		err = refusal
		if a := adviceFor(refusal); a != "" {
			advice = a
		}
	}
	item := bad(aspect, subject, reasonOf(err), advice)
	item.Err = err
	if c.ended() != nil {
		item.Status, item.Advice = check.Unknown, ""
		item.Reason = "the check has ended: " + c.ended().Error()
	}
	return item
}

// reasonOf is the error in words for a report.
func reasonOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", checkTimeout)
	}
	if op, ok := err.(*transport.OpError); ok {
		return op.Err.Error() // where it happened is the item's subject
	}
	return err.Error()
}

// adviceFor says what to do about a refusal.
func adviceFor(err error) string {
	var credentials *rocketmq.CredentialsError
	var authentication *rocketmq.AuthenticationError
	var certificate *rocketmq.CertificateError
	var access *rocketmq.AccessError
	switch {
	case errors.As(err, &credentials):
		return "mend what Cluster.Credentials returns"
	case errors.As(err, &certificate) && certificate.ByPeer:
		return "the server wants another client certificate: Cluster.TLS.Certificates"
	case errors.As(err, &certificate):
		return "the certificate has to name the server's host and come from an authority in Cluster.TLS.RootCAs"
	case errors.As(err, &authentication) && authentication.Reason == rocketmq.MissingCredentials:
		return "the server wants credentials: Cluster.Credentials"
	case errors.As(err, &authentication):
		return "check Cluster.Credentials against the broker's users"
	case errors.As(err, &access):
		return "give the user the permission on the broker"
	}
	return ""
}
