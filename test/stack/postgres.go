package stack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// PostgresSettings chooses port and folder. The zero value is a new database cluster on a free port.
type PostgresSettings struct {
	// Port takes connections; 0 is a free port.
	Port int
	// Folder holds the data of an earlier start; empty: a new folder, which Stop of the stack removes.
	Folder string
}

// Postgres is a running PostgreSQL server.
type Postgres struct {
	*Process
	// Address is the host:port that takes connections of the user postgres without a password.
	Address string
	// Settings are those it was started with, filled in: starting with them again restores it where it was, with its data.
	Settings PostgresSettings
}

// StartPostgres starts the PostgreSQL server of this machine and returns once it answers.
func (s *Stack) StartPostgres(ctx context.Context, set PostgresSettings) (*Postgres, error) {
	if err := fill(&set.Port); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if set.Folder == "" {
		folder, err := s.newCluster()
		if err != nil {
			return nil, fmt.Errorf("postgres: %w", err)
		}
		set.Folder = folder
	}
	postgres := &Postgres{Address: address(set.Port), Settings: set}
	cmd, err := postgresCommand("postgres", "-D", filepath.Join(set.Folder, "data"), "-k", set.Folder,
		"-h", host, "-p", strconv.Itoa(set.Port))
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	postgres.Process, err = s.launch(ctx, "postgres", cmd, accepts(postgres.DSN(postgres.Address)))
	if err != nil {
		return nil, err
	}
	postgres.stopSignal = syscall.SIGINT
	return postgres, nil
}

// Crash ends the server at once, without a checkpoint; its next start recovers from its log. (Kill leaves the processes of
// its connections behind for a while, with which it cannot start.)
func (p *Postgres) Crash() error {
	err := p.signal(syscall.SIGQUIT)
	<-p.exited
	return err
}

// DSN is how a program connects to the server by way of the address, which may be that of a proxy.
func (p *Postgres) DSN(address string) string {
	dsn := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: address, Path: "/postgres", RawQuery: "sslmode=disable"}
	return dsn.String()
}

// newCluster makes a folder for a server, which the server's user owns.
func (s *Stack) newCluster() (string, error) {
	// The folders of tests belong to root alone, whom PostgreSQL refuses.
	folder, err := os.MkdirTemp("", "throughline-postgres")
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.folders = append(s.folders, folder)
	s.mu.Unlock()
	initdb, err := postgresCommand("initdb", "-D", filepath.Join(folder, "data"), "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale=C")
	if err != nil {
		return "", err
	}
	if attr := initdb.SysProcAttr; attr != nil {
		if err := os.Chown(folder, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			return "", err
		}
	}
	if output, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return folder, nil
}

// postgresCommand finds a program of the server, which distributions keep out of the path, and lets somebody run it whom
// PostgreSQL accepts.
func postgresCommand(name string, args ...string) (*exec.Cmd, error) {
	path, err := postgresProgram(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	if os.Geteuid() != 0 {
		return cmd, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: install the package postgresql, which makes a user for it: %w", err)
	}
	uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return cmd, errors.Join(errUID, errGID)
}

func postgresProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%s is not there: install a PostgreSQL server (apt-get install postgresql)", name)
	}
	return found[len(found)-1], nil
}

func accepts(dsn string) probe {
	return func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
}
