package realbroker

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ACL makes every broker of a cluster want requests that are signed by a user it
// knows: ACL 1.0 (aclEnable, plain_acl.yml) up to 5.2, authentication and
// authorization (ACL 2.0) from 5.3 on. Name servers stay open, as they have no
// access control in any version; a proxy of the cluster checks what brokers check. Beside the users there is the one that
// [Superuser] returns, whom the launcher, the witness and mqadmin use.
type ACL struct {
	Users []User
}

// User is a user of brokers with an ACL.
type User struct {
	// Name is the access key, and Secret the secret key. Up to 5.2 both want more
	// than six characters.
	Name, Secret string
	// Publish has the topics the user may publish to.
	Publish []string
	// Disabled switches the user off, from 5.3 on.
	Disabled bool
}

// Superuser returns the user who may do everything on a cluster with an [ACL].
func Superuser() User { return User{Name: "superuser", Secret: "superuser-secret"} }

// Request codes of ACL 2.0.
const (
	createUser = 3001
	createACL  = 3006
)

// oldACL says that the version has ACL 1.0 only.
func (c *Config) oldACL() bool { return c.before(5, 3) }

func (c *Config) validateACL() error {
	if c.ACL == nil {
		return nil
	}
	var errs []error
	if c.Proxy && c.oldACL() {
		errs = append(errs, fmt.Errorf("realbroker: Config.ACL: a proxy of RocketMQ %s is not started with ACL 1.0", c.Version))
	}
	for i, u := range c.ACL.Users {
		where := fmt.Sprintf("realbroker: Config.ACL.Users[%d]", i)
		switch {
		case u.Name == "" || u.Secret == "":
			errs = append(errs, errors.New(where+" has no name or no secret"))
		case c.oldACL() && (len(u.Name) <= 6 || len(u.Secret) <= 6):
			errs = append(errs, fmt.Errorf("%s: RocketMQ %s wants names and secrets of more than 6 characters", where, c.Version))
		case c.oldACL() && u.Disabled:
			errs = append(errs, fmt.Errorf("%s: RocketMQ %s cannot disable users", where, c.Version))
		}
	}
	return errors.Join(errs...)
}

// aclProps are the lines of a broker's configuration file that switch access
// control on.
func (c *Config) aclProps() map[string]string {
	switch {
	case c.ACL == nil:
		return nil
	case c.oldACL():
		return map[string]string{"aclEnable": "true"}
	}
	su := Superuser()
	const auth = "org.apache.rocketmq.auth."
	return map[string]string{
		"authenticationEnabled":                "true",
		"authenticationProvider":               auth + "authentication.provider.DefaultAuthenticationProvider",
		"authenticationMetadataProvider":       auth + "authentication.provider.LocalAuthenticationMetadataProvider",
		"initAuthenticationUser":               fmt.Sprintf(`{"username":%q,"password":%q}`, su.Name, su.Secret),
		"innerClientAuthenticationCredentials": fmt.Sprintf(`{"accessKey":%q,"secretKey":%q}`, su.Name, su.Secret),
		"authorizationEnabled":                 "true",
		"authorizationProvider":                auth + "authorization.provider.DefaultAuthorizationProvider",
		"authorizationMetadataProvider":        auth + "authorization.provider.LocalAuthorizationMetadataProvider",
	}
}

// proxyACL are the settings that make a proxy check what brokers check. It asks
// them for users and policies, as the superuser.
func (c *Config) proxyACL() map[string]string {
	if c.ACL == nil {
		return nil
	}
	settings := c.aclProps()
	const auth = "org.apache.rocketmq.proxy.auth."
	settings["authenticationMetadataProvider"] = auth + "ProxyAuthenticationMetadataProvider"
	settings["authorizationMetadataProvider"] = auth + "ProxyAuthorizationMetadataProvider"
	settings["enableAclRpcHookForClusterMode"] = "true"
	delete(settings, "initAuthenticationUser")
	return settings
}

// writeACL writes what a broker of the cluster looks for in its home.
func (h home) writeACL(c *Config) error {
	if c.ACL == nil || !c.oldACL() {
		return nil
	}
	su := Superuser()
	var text strings.Builder
	fmt.Fprintf(&text, "globalWhiteRemoteAddresses: []\naccounts:\n- accessKey: %q\n  secretKey: %q\n  admin: true\n", su.Name, su.Secret)
	for _, u := range c.ACL.Users {
		fmt.Fprintf(&text, "- accessKey: %q\n  secretKey: %q\n  admin: false\n", u.Name, u.Secret)
		text.WriteString("  defaultTopicPerm: DENY\n  defaultGroupPerm: DENY\n  topicPerms:\n")
		for _, topic := range u.Publish {
			fmt.Fprintf(&text, "  - %q\n", topic+"=PUB")
		}
	}
	return os.WriteFile(filepath.Join(string(h), "conf", "plain_acl.yml"), []byte(text.String()), 0o600)
}

// writeTools writes the credentials that mqadmin uses.
func (h home) writeTools(c *Config) error {
	if c.ACL == nil {
		return nil
	}
	su := Superuser()
	text := fmt.Sprintf("accessKey: %q\nsecretKey: %q\n", su.Name, su.Secret)
	return os.WriteFile(filepath.Join(string(h), "conf", "tools.yml"), []byte(text), 0o600)
}

// createUsers tells the broker about the users of ACL 2.0. It keeps them.
func (b *Broker) createUsers(ctx context.Context) error {
	cfg := &b.cluster.cfg
	if cfg.ACL == nil || cfg.oldACL() {
		return nil
	}
	type user struct {
		Username   string `json:"username"`
		Password   string `json:"password"`
		UserType   string `json:"userType"`
		UserStatus string `json:"userStatus"`
	}
	type entry struct {
		Resource  string   `json:"resource"`
		Actions   []string `json:"actions"`
		SourceIPs []string `json:"sourceIps"`
		Decision  string   `json:"decision"`
	}
	type policy struct {
		PolicyType string  `json:"policyType"`
		Entries    []entry `json:"entries"`
	}
	type acl struct {
		Subject  string   `json:"subject"`
		Policies []policy `json:"policies"`
	}
	for _, u := range cfg.ACL.Users {
		status := "enable"
		if u.Disabled {
			status = "disable"
		}
		err := b.tell(ctx, createUser, map[string]string{"username": u.Name}, user{u.Name, u.Secret, "Normal", status})
		if err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
		if len(u.Publish) == 0 {
			continue
		}
		p := policy{PolicyType: "CUSTOM"}
		for _, topic := range u.Publish {
			p.Entries = append(p.Entries, entry{"Topic:" + topic, []string{"Pub"}, []string{}, "Allow"})
		}
		subject := "User:" + u.Name
		if err := b.tell(ctx, createACL, map[string]string{"subject": subject}, acl{subject, []policy{p}}); err != nil {
			return fmt.Errorf("policies of user %s: %w", u.Name, err)
		}
	}
	return nil
}

// tell sends a request of the superuser that has to be answered by success.
func (b *Broker) tell(ctx context.Context, code int, fields map[string]string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, _, err := b.ask(ctx, code, fields, text)
	if err == nil && answer != 0 {
		err = errors.New("answered " + strconv.Itoa(answer))
	}
	return err
}

// ask sends a request, signed where the broker wants that.
func (b *Broker) ask(ctx context.Context, code int, fields map[string]string, body []byte) (answerCode int, answerBody []byte, err error) {
	if b.cluster.cfg.ACL != nil {
		fields = signed(fields, body, Superuser())
	}
	return ask(ctx, b.Addr, code, fields, body)
}

// signed returns the fields with those that say who sends them: the signature is
// of the values of all others, in the order of their names, and of the body.
func signed(fields map[string]string, body []byte, u User) map[string]string {
	all := map[string]string{"AccessKey": u.Name}
	maps.Copy(all, fields)
	mac := hmac.New(sha1.New, []byte(u.Secret))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		mac.Write([]byte(all[name]))
	}
	mac.Write(body)
	all["Signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return all
}
