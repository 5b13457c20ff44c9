package main

import (
	"cmp"
	"context"
	"database/sql"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
)

// startPatience is how long a server may take to start on a crowded machine.
const startPatience = 4 * time.Minute

// need finds programs by the patterns of their paths, the first of them on this
// machine that match. Without one the test is skipped, or fails where
// REQUIRE_DATABASES=1 says that it has to run.
func need(t *testing.T, what string, patterns ...string) (program string) {
	t.Helper()
	if testing.Short() {
		t.Skip("real databases do not run with -short")
	}
	for _, pattern := range patterns {
		if !strings.Contains(pattern, "/") {
			if found, err := exec.LookPath(pattern); err == nil {
				return found
			}
			continue
		}
		found, err := filepath.Glob(pattern)
		must(t, err)
		if len(found) > 0 {
			// The newest version: numbers of different length in the path.
			return slices.MaxFunc(found, func(a, b string) int {
				return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
			})
		}
	}
	line := what + " IS NOT TESTED: none of these is here: " + strings.Join(patterns, ", ")
	if os.Getenv("REQUIRE_DATABASES") == "1" {
		t.Fatal(line)
	}
	t.Skip(line)
	return ""
}

// host is a folder and a user for a database server, which listens on a socket in
// the folder and on no port.
type host struct {
	t          *testing.T
	dir        string
	credential *syscall.Credential // nil for the user of the test
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "shop-*") // short: the name of a socket has 107 bytes
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	h := &host{t: t, dir: dir}
	if os.Getuid() != 0 {
		return h
	}
	// Servers refuse to run as root.
	nobody, err := user.Lookup("nobody")
	must(t, err)
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	must(t, err)
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	must(t, err)
	must(t, os.Chown(dir, int(uid), int(gid)))
	h.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return h
}

// command is a program that runs in the folder, and dies with the test.
func (h *host) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "HOME="+h.dir, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: h.credential}
	return cmd
}

// run runs a program that ends by itself.
func (h *host) run(program string, args ...string) {
	h.t.Helper()
	runtime.LockOSThread() // see serve
	defer runtime.UnlockOSThread()
	if said, err := h.command(program, args...).CombinedOutput(); err != nil {
		h.t.Fatalf("%s: %v: %s", program, err, said)
	}
}

// serve starts a server, waits until it answers and ends it by a signal with the
// test.
func (h *host) serve(stop os.Signal, d database, program string, args ...string) {
	h.t.Helper()
	path := filepath.Join(h.dir, "server.log")
	log, err := os.Create(path)
	must(h.t, err)
	defer log.Close()
	cmd := h.command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		// The kernel takes the thread that has started a child for its parent, and
		// kills the child with it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is stopped, or its log tells
		}
	}()
	must(h.t, <-started)
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(stop) // unless it has ended
		<-ended
	})
	ctx, cancel := context.WithTimeout(h.t.Context(), startPatience)
	defer cancel()
	db, err := sql.Open(d.driver, d.source)
	must(h.t, err)
	defer db.Close()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return
		}
		select {
		case <-poll.C:
			continue
		case <-ended:
		case <-ctx.Done():
		}
		said, _ := os.ReadFile(path)
		h.t.Fatalf("%s does not answer: %v\n%s", program, err, said)
	}
}

// fresh makes databases.
func fresh(server database, in func(name string) database) func(t *testing.T) database {
	n := 0
	return func(t *testing.T) database {
		t.Helper()
		db, err := sql.Open(server.driver, server.source)
		must(t, err)
		defer db.Close()
		n++
		name := "shop" + strconv.Itoa(n)
		_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+name)
		must(t, err)
		return in(name)
	}
}

func startPostgreSQL(t *testing.T) func(t *testing.T) database {
	t.Helper()
	server := need(t, "PostgreSQL", "/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "postgres")
	h := newHost(t)
	h.run(filepath.Join(filepath.Dir(server), "initdb"), "--pgdata=data", "--username=shop", "--auth=trust", "--encoding=UTF8", "--no-sync")
	in := func(name string) database {
		return database{"pgx", "host=" + h.dir + " user=shop dbname=" + name, outbox.PostgreSQL}
	}
	// SIGQUIT: at once, since the data are thrown away.
	h.serve(syscall.SIGQUIT, in("postgres"), server, "-D", "data", "-k", h.dir, "-c", "listen_addresses=", "-c", "fsync=off")
	return fresh(in("postgres"), in)
}

func startMariaDB(t *testing.T) func(t *testing.T) database {
	t.Helper()
	server := need(t, "MariaDB", "mariadbd", "/usr/sbin/mariadbd", "/usr/libexec/mariadbd")
	h := newHost(t)
	h.run("mkdir", "data")
	in := func(name string) database {
		return database{"mysql", "root@unix(" + filepath.Join(h.dir, "socket") + ")/" + name, outbox.MySQL}
	}
	// It has no system tables: no users, and no statistics that outlive it.
	h.serve(syscall.SIGKILL, in(""), server, "--no-defaults", "--datadir="+filepath.Join(h.dir, "data"),
		"--socket="+filepath.Join(h.dir, "socket"), "--skip-networking", "--pid-file="+filepath.Join(h.dir, "pid"),
		"--skip-grant-tables", "--innodb-stats-persistent=0",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M")
	return fresh(in(""), in)
}
