package consoleextension

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	host := newFakeHost()
	host.extensions[operationsID] = &fakeOperations{before: func(context.Context) error {
		close(entered)
		<-release
		return nil
	}}
	s, _ := newServer(t, testConfig())
	require.NoError(t, s.Start(t.Context(), host))

	var wg sync.WaitGroup
	var status int
	wg.Go(func() {
		response, err := clientFor(nil).Get("http://" + s.address.String() + "/api/v1/stats")
		if err == nil {
			status = response.StatusCode
			_ = response.Body.Close()
		}
	})
	<-entered
	stopped := make(chan error)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	<-s.served
	select {
	case <-stopped:
		require.FailNow(t, "Shutdown did not wait")
	default:
	}
	close(release)
	require.NoError(t, <-stopped)
	wg.Wait()
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, s.Shutdown(t.Context()), "a second time")
}

func TestShutdownBreaksOffWhatDoesNotFinish(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	host := newFakeHost()
	host.extensions[operationsID] = &fakeOperations{before: func(ctx context.Context) error {
		close(entered)
		<-ctx.Done()
		close(left)
		return ctx.Err()
	}}
	s, _ := newServer(t, testConfig())
	require.NoError(t, s.Start(t.Context(), host))

	var wg sync.WaitGroup
	wg.Go(func() {
		if response, err := clientFor(nil).Get("http://" + s.address.String() + "/api/v1/stats"); err == nil {
			_ = response.Body.Close()
		}
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Shutdown(ctx))
	select {
	case <-left:
	default:
		require.FailNow(t, "a request was still under way")
	}
	wg.Wait()
}

func TestRequestsAfterTheEndAreRefused(t *testing.T) {
	s, _ := start(t, testConfig(), newFakeHost())
	handler := s.http.Handler
	require.NoError(t, s.Shutdown(t.Context()))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/stats", http.NoBody))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
}

func TestDrainingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, testConfig())
		server, client := net.Pipe()
		s.http = &http.Server{ReadHeaderTimeout: time.Hour, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		})}
		s.served = make(chan struct{})
		go s.serve(&oneConnection{conn: server, closed: make(chan struct{})}, newFakeHost())
		go func() { _, _ = client.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) }()
		synctest.Wait()

		began := time.Now()
		require.NoError(t, s.Shutdown(t.Context()))
		require.Equal(t, drainTimeout, time.Since(began))
		require.NoError(t, client.Close())
	})
}

// oneConnection is a listener that accepts one connection.
type oneConnection struct {
	conn   net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *oneConnection) Accept() (net.Conn, error) {
	var c net.Conn
	if l.once.Do(func() { c = l.conn }); c != nil {
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConnection) Close() error {
	close(l.closed)
	return nil
}

func (l *oneConnection) Addr() net.Addr { return l.conn.LocalAddr() }
