package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// The names and directions of toxiproxy.
const (
	toxicLatency   = "latency"
	streamThere    = "upstream"
	streamBack     = "downstream"
	allConnections = 1.0
)

// Proxy is a network between a client and a server that can be made slow or cut. Its methods are not safe for concurrent use.
type Proxy struct {
	// Address is the host:port that clients connect to.
	Address string

	proxy *toxiproxy.Proxy
}

// StartProxy listens on a free port and passes every connection on to the server at upstream, a host:port, which need not
// be there yet. Close ends it.
func StartProxy(upstream string) (*Proxy, error) {
	port, err := FreePort()
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", upstream, err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, upstream, address(port), upstream)
	if err := proxy.Start(); err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", upstream, err)
	}
	return &Proxy{Address: address(port), proxy: proxy}, nil
}

// Delay lets everything arrive later, in both directions, by up to jitter more or less than latency. It replaces an earlier
// delay; no latency is none.
func (p *Proxy) Delay(ctx context.Context, latency, jitter time.Duration) error {
	p.proxy.Toxics.ResetToxics(ctx)
	if latency == 0 {
		return nil
	}
	for _, stream := range []string{streamThere, streamBack} {
		toxic, err := json.Marshal(map[string]any{
			"type": toxicLatency, "stream": stream, "toxicity": allConnections,
			"attributes": map[string]int64{"latency": latency.Milliseconds(), "jitter": jitter.Milliseconds()},
		})
		if err != nil {
			return fmt.Errorf("delay of %s: %w", p.proxy.Upstream, err)
		}
		if _, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(string(toxic))); err != nil {
			return fmt.Errorf("delay of %s: %w", p.proxy.Upstream, err)
		}
	}
	return nil
}

// Cut closes all connections and refuses new ones until Mend.
func (p *Proxy) Cut() { p.proxy.Stop() }

// Mend takes connections again.
func (p *Proxy) Mend() error {
	if err := p.proxy.Start(); err != nil {
		return fmt.Errorf("proxy to %s: %w", p.proxy.Upstream, err)
	}
	return nil
}

// Close ends the proxy and all connections. Closing twice does nothing.
func (p *Proxy) Close() { p.proxy.Stop() }
