//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/throughline/throughline/config"
	"github.com/throughline/throughline/test/stack"
	"github.com/throughline/throughline/test/verdict"
)

// shippedConsole is where the shipped files take the console to be.
const shippedConsole = "http://localhost:8321"

// jaegerUI is what config/jaeger-ui.json says, as far as it leads somewhere.
type jaegerUI struct {
	LinkPatterns []linkPattern `json:"linkPatterns"`
	Menu         []struct {
		Items []struct {
			URL string `json:"url"`
		} `json:"items"`
	} `json:"menu"`
}

// linkPattern makes the values of a tag links.
type linkPattern struct {
	Type string `json:"type"`
	Key  string `json:"key"`
	URL  string `json:"url"`
	Text string `json:"text"`
}

var patternParameter = regexp.MustCompile(`#\{([^}]*)\}`)

// link is what Jaeger's user interface makes of the pattern for a span with these tags: each parameter is the encoded value
// of the tag it names. There is none where the pattern's own tag or a parameter is missing.
func (p linkPattern) link(tags map[string]string) (string, bool) {
	_, found := tags[p.Key]
	link := patternParameter.ReplaceAllStringFunc(p.URL, func(match string) string {
		value, ok := tags[patternParameter.FindStringSubmatch(match)[1]]
		found = found && ok
		return encodeURIComponent(value)
	})
	return link, found
}

// encodeURIComponent escapes a text as the function of that name in JavaScript does, and a few characters more.
func encodeURIComponent(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// TestJaegerTakesTheShippedFiles starts Jaeger with config/jaeger.yaml and config/jaeger-ui.json alone, with each of both
// stores: it must serve the latter to the browser as it is, and take traces.
func TestJaegerTakesTheShippedFiles(t *testing.T) {
	t.Parallel()
	// A Jaeger that is built from its module has a placeholder instead of its page. The server finds this mark on its page.
	assets := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(assets, "index.html"), []byte("<script>JAEGER_CONFIG = DEFAULT_CONFIG;</script>"), 0o600))
	for name, badger := range map[string]bool{"memory": false, "badger": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers, err := stack.New(stack.Settings{BinDir: binDir, WorkDir: t.TempDir()})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, servers.Stop()) })
			jaeger, err := servers.StartJaeger(t.Context(), stack.JaegerSettings{
				Badger: badger, Overlays: []string{"yaml:extensions::jaeger_query::ui::assets_path: " + assets},
			})
			require.NoError(t, err)

			page := string(getPage(t, jaeger.URL+"/search"))
			require.True(t, strings.HasPrefix(page, "<script>JAEGER_CONFIG = {"), page)
			served := strings.TrimSuffix(strings.TrimPrefix(page, "<script>JAEGER_CONFIG = "), ";</script>")
			require.JSONEq(t, string(config.JaegerUI()), served)

			output, err := os.ReadFile(jaeger.LogPath())
			require.NoError(t, err)
			require.Equal(t, badger, bytes.Contains(output, []byte("Badger storage configuration")))
		})
	}
}

func getPage(t *testing.T, address string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "GET %s: %s", address, body)
	return body
}

// strangeIDs are operation IDs that a link must carry unharmed.
var strangeIDs = []string{
	"order-42", "a/b", "a%2Fb", "../incidents", "?state=stuck", "x&namespace=other", "with space + plus", "#fragment", "Größe 7 ✓", `"><script>`,
}

// TestLinksFromJaeger follows the links that Jaeger's user interface makes of the tags of spans, originals and derived
// ones, to what the console has under them.
func TestLinksFromJaeger(t *testing.T) {
	t.Parallel()
	s := start(t, setup{overlays: []string{shortThresholds, "yaml:processors::correlation::namespace_key: tenant.id"}})
	var ui jaegerUI
	require.NoError(t, json.Unmarshal(config.JaegerUI(), &ui))
	for i, namespace := range []string{"", "tenant/1 & co"} {
		s.sendTraces(t, strangeTraces(namespace, byte(i)))
	}
	for _, menu := range ui.Menu {
		for _, item := range menu.Items {
			if local, ok := strings.CutPrefix(item.URL, shippedConsole); ok {
				getPage(t, s.collector.ConsoleURL+local)
			}
		}
	}
	for _, namespace := range []string{"", "tenant/1 & co"} {
		for _, id := range strangeIDs {
			s.followLinks(t, ui.LinkPatterns, namespace, id)
		}
	}
	s.checkHealthy(t)
}

// strangeTraces has one message for each strange ID, sent and processed.
func strangeTraces(namespace string, salt byte) ptrace.Traces {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "links")
	if namespace != "" {
		rs.Resource().Attributes().PutStr("tenant.id", namespace)
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	began := time.Now().Add(-time.Second)
	for i, id := range strangeIDs {
		for k, kind := range []ptrace.SpanKind{ptrace.SpanKindProducer, ptrace.SpanKindConsumer} {
			span := spans.AppendEmpty()
			span.SetTraceID(pcommon.TraceID{0x11, salt, byte(i + 1)})
			span.SetSpanID(pcommon.SpanID{0x22, byte(i + 1), byte(k + 1)})
			span.SetKind(kind)
			span.SetName([]string{"send links", "process links"}[k])
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(began.Add(time.Duration(k) * 100 * time.Millisecond)))
			span.SetEndTimestamp(span.StartTimestamp() + 5e6)
			attributes := span.Attributes()
			attributes.PutStr("messaging.system", "kafka")
			attributes.PutStr("messaging.destination.name", "links")
			attributes.PutStr("messaging.operation.type", []string{"send", "process"}[k])
			attributes.PutStr("messaging.message.id", "m-"+strconv.Itoa(i))
			attributes.PutStr("correlation.id", id)
			attributes.PutStr("async.operation.name", "links & more")
			if k == 1 {
				span.SetParentSpanID(pcommon.SpanID{0x22, byte(i + 1), 1})
			}
		}
	}
	return traces
}

// sendTraces sends spans over OTLP/HTTP.
func (s *stand) sendTraces(t *testing.T, traces ptrace.Traces) {
	t.Helper()
	body, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, s.post(t, "traces", protobuf, body))
}

// followLinks follows the links of the operation's root span, and of one of its originals.
func (s *stand) followLinks(t *testing.T, patterns []linkPattern, namespace, id string) {
	t.Helper()
	wanted := map[string]string{"async.operation.id": id}
	if namespace != "" {
		wanted["async.operation.namespace"] = namespace
	}
	kinds := map[bool]*jaegerSpan{}
	await(t, traceTimeout, fmt.Sprintf("an original and a derived span of %q in the namespace %q", id, namespace), func() error {
		found, err := s.jaegerSearch(t, "links", wanted)
		if err != nil {
			return err
		}
		for i := range found {
			for k := range found[i].Spans {
				span := &found[i].Spans[k]
				if span.tag("async.operation.id") == id && span.tag("async.operation.namespace") == namespace {
					kinds[span.parent() == "" && strings.HasPrefix(span.OperationName, "async ")] = span
				}
			}
		}
		if len(kinds) != 2 {
			return fmt.Errorf("%d kinds of spans among %d traces", len(kinds), len(found))
		}
		return nil
	})
	for derived, span := range kinds {
		tags := map[string]string{}
		for _, tag := range span.Tags {
			tags[tag.Key] = fmt.Sprint(tag.Value)
		}
		followed := map[string]bool{}
		for _, p := range patterns {
			require.Equal(t, "tags", p.Type)
			if link, ok := p.link(tags); ok {
				s.followLink(t, p.Key, link, namespace, id)
				followed[p.Key] = true
			}
		}
		require.True(t, followed["async.operation.id"] && followed["async.operation.name"])
		require.Equal(t, namespace != "", followed["async.operation.namespace"])
		require.Equal(t, !derived, followed["async.operation.trace_id"], "originals lead to the derived trace")
	}
}

// followLink checks what is behind the link that was made of one tag.
func (s *stand) followLink(t *testing.T, key, link, namespace, id string) {
	t.Helper()
	local, toConsole := strings.CutPrefix(link, shippedConsole)
	switch key {
	case "async.operation.trace_id":
		trace, err := s.jaegerTrace(t, strings.TrimPrefix(link, "/trace/"))
		require.NoError(t, err)
		require.Equal(t, id, trace.roots()[0].tag("async.operation.id"))
	case "async.operation.name":
		require.True(t, toConsole, link)
		var page struct {
			Operations []verdict.Operation `json:"operations"`
		}
		require.NoError(t, json.Unmarshal(getPage(t, s.collector.ConsoleURL+local), &page))
		require.Len(t, page.Operations, 2*len(strangeIDs))
	default:
		require.True(t, toConsole, link)
		var op verdict.Operation
		require.NoError(t, json.Unmarshal(getPage(t, s.collector.ConsoleURL+local), &op))
		require.Equal(t, id, op.ID)
		if key == "async.operation.namespace" || namespace == "" {
			require.Equal(t, namespace, op.Namespace)
		}
	}
}
