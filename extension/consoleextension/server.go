package consoleextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/console"
)

// provider is what the console wants of the operations extension.
type provider interface {
	Console() console.Source
}

// drainTimeout is how long requests under way may take to finish when the collector stops.
const drainTimeout = 5 * time.Second

// server is the extension. Start and Shutdown are called by one goroutine.
type server struct {
	config    *Config
	telemetry component.TelemetrySettings

	http *http.Server
	// address is where it listens, which is not what was asked for if the port is 0.
	address net.Addr
	// served is closed when the goroutine that serves has ended.
	served chan struct{}

	// busy is held for reading by every request; closed is guarded by it.
	busy   sync.RWMutex
	closed bool
}

var _ extensioncapabilities.Dependent = (*server)(nil)

// Dependencies names the extensions that must run first: what is shown, who may see it, and what else the server asks.
func (s *server) Dependencies() []component.ID {
	ids := []component.ID{s.config.Operations}
	if s.config.HTTP.Auth.HasValue() {
		ids = append(ids, s.config.HTTP.Auth.Get().AuthenticatorID)
	}
	for _, m := range s.config.HTTP.Middlewares {
		ids = append(ids, m.ID)
	}
	return ids
}

// Start begins to listen; when it returns, requests are answered.
func (s *server) Start(ctx context.Context, host component.Host) error {
	source, err := s.source(host)
	if err != nil {
		return err
	}
	handler := console.Handler(console.Settings{Source: source, Fault: s.fault, User: user})
	server, err := s.config.HTTP.ToServer(ctx, host.GetExtensions(), s.telemetry, s.tracked(handler), confighttp.WithErrorHandler(refuse))
	if err != nil {
		return fmt.Errorf("the console cannot be set up: %w", err)
	}
	listener, err := s.config.HTTP.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("the console cannot listen at `endpoint` %q: %w", s.config.HTTP.NetAddr.Endpoint, err)
	}
	s.http, s.address, s.served = server, listener.Addr(), make(chan struct{})
	s.announce()
	go s.serve(listener, host)
	return nil
}

func (s *server) announce() {
	s.telemetry.Logger.Info("The console is open", zap.Stringer("address", s.address))
	tcp, ok := s.address.(*net.TCPAddr)
	if ok && !tcp.IP.IsLoopback() && !s.config.HTTP.Auth.HasValue() {
		s.telemetry.Logger.Warn("The console answers everyone who can reach it, because `auth` is not configured",
			zap.Stringer("address", s.address))
	}
}

// tracked lets Shutdown wait for requests whose connections it closed: http.Server.Close does not.
func (s *server) tracked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.RLock()
		defer s.busy.RUnlock()
		if s.closed {
			console.NewProblem(http.StatusServiceUnavailable, "the collector is stopping").Write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// user is whom the authenticator let in, by the names that authenticators use for that.
func user(ctx context.Context) string {
	data := client.FromContext(ctx).Auth
	if data == nil {
		return ""
	}
	for _, name := range []string{"username", "subject", "email"} {
		if s, ok := data.GetAttribute(name).(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// source finds the operations extension.
func (s *server) source(host component.Host) (console.Source, error) {
	found, ok := host.GetExtensions()[s.config.Operations]
	if !ok {
		return nil, fmt.Errorf("`operations` is %q, but no such extension is running: declare it under `extensions` and list it under "+
			"`service::extensions`", s.config.Operations)
	}
	p, ok := found.(provider)
	if !ok {
		return nil, fmt.Errorf("`operations` is %q, which is not an operations extension", s.config.Operations)
	}
	return p.Console(), nil
}

func (s *server) serve(listener net.Listener, host component.Host) {
	defer close(s.served)
	err := s.http.Serve(listener)
	if errors.Is(err, http.ErrServerClosed) {
		return
	}
	// A host that reports nothing for extensions ignores the status, so the log has to say it too.
	s.telemetry.Logger.Error("The console is closed, because its listener failed", zap.Error(err))
	componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
}

// Shutdown lets requests under way finish for some seconds or until ctx ends, then breaks them off, and returns when
// nothing runs any more.
func (s *server) Shutdown(ctx context.Context) error {
	if s.http == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.served
	s.busy.Lock()
	defer s.busy.Unlock()
	s.closed = true
	return err
}

// fault logs what the client is not told.
func (s *server) fault(route string, err error) {
	s.telemetry.Logger.Error("A request to the console could not be answered", zap.String("route", route), zap.Error(err))
}

// refuse answers requests that do not reach the API: not authenticated, or with a body that cannot be read. What the
// authenticator says is not for strangers.
func refuse(w http.ResponseWriter, _ *http.Request, _ string, status int) {
	detail := "the request cannot be read"
	if status == http.StatusUnauthorized {
		detail = "the console asks for credentials, and these are missing or not valid"
	}
	console.NewProblem(status, detail).Write(w)
}
