package realbroker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// jars is the folder of one RocketMQ version in the cache.
type jars struct {
	version string
	dir     string
}

// completeMarker is the file whose presence says that a folder of the cache is
// whole.
const completeMarker = "complete"

// Fetch makes sure that the jars of a version are in the cache, so that the next
// start needs no network.
func Fetch(ctx context.Context, version string) error {
	cfg := Config{Version: version}
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return err
	}
	if err := Available(); err != nil {
		return exported(err)
	}
	_, err := openJars(ctx, version)
	return exported(err)
}

// FetchProxy is Fetch for the proxy. Of a version without one it fetches nothing.
func FetchProxy(ctx context.Context, version string) error {
	cfg := Config{Version: version, Proxy: true}
	cfg.setDefaults()
	if hasProxy(version) {
		if err := cfg.validate(); err != nil {
			return err
		}
		_, err := openProxyJars(ctx, version)
		return exported(err)
	}
	return nil
}

// hasProxy reports whether a version has a proxy: 5.x does.
func hasProxy(version string) bool { return !strings.HasPrefix(version, "4.") }

// ClassPath returns what java and javac take after -cp for the Java client of a
// version, and fetches it when it is not in the cache yet.
func ClassPath(ctx context.Context, version string) (string, error) {
	if err := Fetch(ctx, version); err != nil {
		return "", err
	}
	j, err := openJars(ctx, version)
	if err != nil {
		return "", exported(err)
	}
	return j.classPath(), nil
}

// openJars returns the jars of a version, and fetches them when they are not in
// the cache yet.
func openJars(ctx context.Context, version string) (jars, error) {
	root := os.Getenv("ROCKETMQ_JARS_DIR")
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return jars{}, fmt.Errorf("no place for the jars: %w", err)
		}
		root = filepath.Join(cache, "watermill-rocketmq")
	}
	return jarsIn(ctx, version, filepath.Join(root, version), pom)
}

// openProxyJars is openJars for the proxy. Its jars are apart: it brings other
// versions of some libraries.
func openProxyJars(ctx context.Context, version string) (jars, error) {
	servers, err := openJars(ctx, version)
	if err != nil {
		return jars{}, err
	}
	return jarsIn(ctx, version, servers.dir+"-proxy", proxyPom)
}

func jarsIn(ctx context.Context, version, dir, pom string) (jars, error) {
	j := jars{version: version, dir: dir}
	err := buildOnce(ctx, j.dir, func(dir string) error { return fetchJars(ctx, version, dir, pom) })
	if err != nil {
		return jars{}, fmt.Errorf("cannot fetch the jars of RocketMQ %s: %w", version, err)
	}
	return j, nil
}

// classPath is what java takes after -cp, more folders in front.
func (j jars) classPath(folders ...string) string {
	return strings.Join(append(folders, filepath.Join(j.dir, "lib", "*")), string(filepath.ListSeparator))
}

// buildOnce makes sure that the folder is there, built by the function. Any
// number of goroutines and processes may ask for the same folder: one builds,
// the others wait, and nobody ever sees half of it, because it is built under
// another name first.
func buildOnce(ctx context.Context, dir string, build func(dir string) error) error {
	marker := filepath.Join(dir, completeMarker)
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	// One lock for all that is beside each other: Maven's own repository does
	// not stand two writers.
	unlock, err := lockFile(ctx, filepath.Join(parent, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	temp, err := os.MkdirTemp(parent, filepath.Base(dir)+".partial-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := build(temp); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(temp, completeMarker), nil, 0o644); err != nil {
		return err
	}
	err = os.Rename(temp, dir)
	if errors.Is(err, fs.ErrExist) {
		// Only without a working lock: somebody else has built it meanwhile.
		if _, statErr := os.Stat(marker); statErr == nil {
			return nil
		}
	}
	return err
}

// pom makes Maven resolve the servers, the admin tools and the Java client.
const pom = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>watermill-rocketmq</groupId>
  <artifactId>jars</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-namesrv</artifactId><version>${v}</version></dependency>
    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-broker</artifactId><version>${v}</version></dependency>
    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-tools</artifactId><version>${v}</version></dependency>
    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-client</artifactId><version>${v}</version></dependency>
  </dependencies>
</project>
`

// proxyPom makes Maven resolve the proxy.
const proxyPom = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>watermill-rocketmq</groupId>
  <artifactId>proxy-jars</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-proxy</artifactId><version>${v}</version></dependency>
  </dependencies>
</project>
`

// fetchJars puts all jars of a pom into the lib folder under dir.
func fetchJars(ctx context.Context, version, dir, pom string) error {
	text := strings.ReplaceAll(pom, "${v}", version)
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(text), 0o644); err != nil {
		return err
	}
	cmd := exec.Command("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib")
	cmd.Dir = dir
	return runToEnd(ctx, "mvn", cmd, filepath.Join(dir, "mvn.log"))
}
