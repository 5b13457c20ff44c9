package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// startPatience is how long a server may take to start on a crowded machine.
const startPatience = 4 * time.Minute

// The programs of the servers, by the patterns of their paths.
var (
	postgreSQLPatterns = []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "postgres"}
	mariaDBPatterns    = []string{"mariadbd", "/usr/sbin/mariadbd", "/usr/libexec/mariadbd"}
)

// FindPostgreSQL returns the path of PostgreSQL's server, or ErrMissing.
func FindPostgreSQL() (string, error) { return find("PostgreSQL", postgreSQLPatterns) }

// find returns the first program on this machine that a pattern matches.
func find(what string, patterns []string) (string, error) {
	for _, pattern := range patterns {
		if !strings.Contains(pattern, "/") {
			if program, err := exec.LookPath(pattern); err == nil {
				return program, nil
			}
			continue
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			// The newest version: numbers of different length in the path.
			return slices.MaxFunc(found, func(a, b string) int {
				return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
			}), nil
		}
	}
	return "", fmt.Errorf("%w: %s: none of these is here: %s", ErrMissing, what, strings.Join(patterns, ", "))
}

// Server is a database server, which listens on a socket in its own folder and on no
// port. It ends with this process, if not by Close.
type Server struct {
	driver string
	source func(database string) string

	dir        string
	credential *syscall.Credential // nil for the user of this process
	process    *os.Process         // nil until it has started
	stop       os.Signal
	ended      chan struct{}
}

// StartPostgreSQL starts a PostgreSQL. The error is ErrMissing where it is not installed.
func StartPostgreSQL(ctx context.Context) (*Server, error) {
	program, err := FindPostgreSQL()
	if err != nil {
		return nil, err
	}
	// SIGQUIT: at once, since the data are thrown away.
	s, err := newServer("pgx", syscall.SIGQUIT)
	if err != nil {
		return nil, err
	}
	s.source = func(database string) string { return "host=" + s.dir + " user=shop dbname=" + database }
	if err := s.run(ctx, filepath.Join(filepath.Dir(program), "initdb"),
		"--pgdata=data", "--username=shop", "--auth=trust", "--encoding=UTF8", "--no-sync"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s.serve(ctx, s.source("postgres"), program, "-D", "data", "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off")
}

// StartMariaDB starts a MariaDB. It has no system tables: no users, and no statistics
// that outlive it. The error is ErrMissing where it is not installed.
func StartMariaDB(ctx context.Context) (*Server, error) {
	program, err := find("MariaDB", mariaDBPatterns)
	if err != nil {
		return nil, err
	}
	s, err := newServer("mysql", syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(s.dir, "socket")
	s.source = func(database string) string { return "root@unix(" + socket + ")/" + database }
	if err := s.run(ctx, "mkdir", "data"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s.serve(ctx, s.source(""), program, "--no-defaults", "--datadir="+filepath.Join(s.dir, "data"),
		"--socket="+socket, "--skip-networking", "--pid-file="+filepath.Join(s.dir, "pid"),
		"--skip-grant-tables", "--innodb-stats-persistent=0",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M")
}

func newServer(driver string, stop os.Signal) (*Server, error) {
	dir, err := os.MkdirTemp("", "shop-*") // short: the name of a socket has 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{driver: driver, dir: dir, stop: stop, ended: make(chan struct{})}
	if err := s.giveAway(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// giveAway gives the folder to a user that a server may run as: it refuses root.
func (s *Server) giveAway() error {
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(nobody.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

// command is a program that runs in the folder, and dies with this process.
func (s *Server) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: s.credential}
	return cmd
}

// run runs a program that ends by itself.
func (s *Server) run(ctx context.Context, program string, args ...string) error {
	runtime.LockOSThread() // see serve
	defer runtime.UnlockOSThread()
	if said, err := s.command(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("database: %s: %w: %s", program, err, said)
	}
	return nil
}

// serve starts the server and waits until it answers. It returns the server, or ends
// what it has started.
func (s *Server) serve(ctx context.Context, source, program string, args ...string) (*Server, error) {
	if err := s.start(program, args...); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.await(ctx, source); err != nil {
		said, _ := os.ReadFile(s.logPath()) // it is for the message
		return nil, errors.Join(fmt.Errorf("database: %s does not answer: %w\n%s", program, err, said), s.Close())
	}
	return s, nil
}

func (s *Server) logPath() string { return filepath.Join(s.dir, "server.log") }

func (s *Server) start(program string, args ...string) error {
	log, err := os.Create(s.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	// Not the context of the start: it ends before the server does.
	cmd := s.command(context.Background(), program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error, 1)
	go func() {
		defer close(s.ended)
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
	if err := <-started; err != nil {
		return err
	}
	s.process = cmd.Process
	return nil
}

// await waits until the server answers.
func (s *Server) await(ctx context.Context, source string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	db, err := sql.Open(s.driver, source)
	if err != nil {
		return err
	}
	defer db.Close()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-s.ended:
			return err
		case <-ctx.Done():
			return err
		}
	}
}

// Create creates a database.
func (s *Server) Create(ctx context.Context, name string) (Database, error) {
	admin := ""
	if s.driver == "pgx" {
		admin = "postgres"
	}
	db, err := sql.Open(s.driver, s.source(admin))
	if err != nil {
		return Database{}, err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return Database{}, err
	}
	return Database{Driver: s.driver, Source: s.source(name)}, nil
}

// Close ends the server and removes all that it has stored. It is called once.
func (s *Server) Close() error {
	if s.process != nil {
		_ = s.process.Signal(s.stop) // unless it has ended
		<-s.ended
	}
	return os.RemoveAll(s.dir)
}
