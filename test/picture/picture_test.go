package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/test/verdict"
)

// stuckTrace is what Jaeger returns of an operation that waits in its second queue, with a name in it that is an attack.
const stuckTrace = `{"data":[{"traceID":"89fec8d2d2cbe07b","processes":{
 "p1":{"serviceName":"order-api"},"p2":{"serviceName":"queue:orders"},"p3":{"serviceName":"worker"},"p4":{"serviceName":"queue:payments"}},"spans":[
 {"spanID":"a","operationName":"async order","startTime":1000000,"duration":9000000,"processID":"p1","references":[{"refType":"FOLLOWS_FROM","traceID":"f00","spanID":"9"}],
  "tags":[{"key":"async.operation.state","value":"stuck"},{"key":"async.operation.reason","value":"waiting"},{"key":"async.operation.id","value":"o<1>"},{"key":"error","value":true},
   {"key":"otel.status_description","value":"stuck: waiting in payments for 8s"},{"key":"async.operation.flags","value":"[\"retried\"]"},{"key":"async.operation.owner","value":"team \"a\" & b"}]},
 {"spanID":"e","operationName":"queue wait payments","startTime":2000000,"duration":8000000,"processID":"p4","references":[{"refType":"CHILD_OF","traceID":"89fec8d2d2cbe07b","spanID":"a"}],
  "tags":[{"key":"messaging.message.id","value":"m2"},{"key":"async.queue.waiting","value":true},{"key":"error","value":true}]},
 {"spanID":"b","operationName":"send orders","startTime":1000100,"duration":20,"processID":"p1","references":[{"refType":"CHILD_OF","traceID":"89fec8d2d2cbe07b","spanID":"a"},
  {"refType":"FOLLOWS_FROM","traceID":"1234567890","spanID":"1"}],"tags":[{"key":"messaging.message.id","value":"m1"}]},
 {"spanID":"c","operationName":"queue wait orders","startTime":1000100,"duration":500000,"processID":"p2","references":[{"refType":"CHILD_OF","traceID":"89fec8d2d2cbe07b","spanID":"a"}],
  "tags":[{"key":"messaging.message.id","value":"m1"}]},
 {"spanID":"d","operationName":"process orders</text><script>alert(1)</script>","startTime":1500100,"duration":500000,"processID":"p3","references":[{"refType":"CHILD_OF","traceID":"89fec8d2d2cbe07b","spanID":"a"}],
  "tags":[{"key":"messaging.message.id","value":"m1"},{"key":"async.attempt.number","value":1},{"key":"error","value":true},{"key":"error.type","value":"Boom"}],
  "logs":[{"timestamp":1600000,"fields":[{"key":"event","value":"exception"}]},{"timestamp":1500100,"fields":[{"key":"event","value":"started"}]}]}]}]}`

func parse(tb testing.TB, text string) *trace {
	tb.Helper()
	var a answer
	require.NoError(tb, json.Unmarshal([]byte(text), &a))
	t, err := a.trace()
	require.NoError(tb, err)
	return t
}

// elements are what a picture may consist of.
var elements = []string{"svg", "style", "defs", "pattern", "rect", "text", "tspan", "line", "path"}

// texts checks that a picture is well-formed XML of harmless elements, and returns what it says.
func texts(tb testing.TB, picture []byte) []string {
	tb.Helper()
	var all []string
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	within := ""
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(tb, err)
		switch element := token.(type) {
		case xml.StartElement:
			within = element.Name.Local
			require.Contains(tb, elements, within)
			for _, a := range element.Attr {
				require.False(tb, strings.HasPrefix(strings.ToLower(a.Name.Local), "on"), a.Name.Local)
				require.NotContains(tb, strings.ToLower(a.Name.Local), "href")
				require.NotContains(tb, a.Value, "NaN")
				require.NotContains(tb, a.Value, "Inf")
			}
		case xml.CharData:
			if within == "text" || within == "tspan" {
				all = append(all, strings.TrimSpace(string(element)))
			}
		}
	}
}

func TestPictureSaysWhatTheTraceDoes(t *testing.T) {
	picture := draw(parse(t, stuckTrace))
	said := texts(t, picture)
	for _, want := range []string{
		"order", "stuck: waiting", "stuck: waiting in payments for 8s", "order-api", "queue:payments", "queue wait", "worker",
		"8.00 s · not consumed", "500 ms · Boom", "500 ms", "20 µs", "1234567", "process orders</text><script>ale…",
	} {
		require.Contains(t, said, want)
	}
	require.True(t, slices.ContainsFunc(said, func(s string) bool {
		return strings.Contains(s, "o<1>") && strings.Contains(s, `owner team "a" & b`) && strings.Contains(s, "retried") && strings.Contains(s, "trace 89fec8d")
	}), said)
	require.Equal(t, 1, bytes.Count(picture, []byte(`fill="url(#waitError)"`)), "the wait that is an error")
	require.Equal(t, 2, bytes.Count(picture, []byte(`fill="url(#wait)"`)), "the other wait, and the legend")
	require.Equal(t, 2, bytes.Count(picture, []byte(`l5 5.5l-5 5.5l-5 -5.5z`)), "the exception, and the legend")
	require.Equal(t, 2, bytes.Count(picture, []byte(`stroke="#7b8794" stroke-dasharray="1.5 3"`)), "from sending to waiting to processing")
}

func TestRowsAreInOrderOfTimeBelowTheirParents(t *testing.T) {
	var order []string
	for _, r := range parse(t, stuckTrace).rows {
		order = append(order, fmt.Sprintf("%d %s", r.depth, r.service))
	}
	require.Equal(t, []string{"0 order-api", "1 order-api", "1 queue:orders", "1 worker", "1 queue:payments"}, order)
}

func TestBrokenTraces(t *testing.T) {
	for name, text := range map[string]string{
		"none":      `{"data":[]}`,
		"two":       `{"data":[{},{}]}`,
		"no spans":  `{"data":[{"spans":[]}]}`,
		"two roots": `{"data":[{"spans":[{"spanID":"a"},{"spanID":"b"}]}]}`,
		"a circle":  `{"data":[{"spans":[{"spanID":"a","references":[{"refType":"CHILD_OF","spanID":"a"}]}]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			var a answer
			require.NoError(t, json.Unmarshal([]byte(text), &a))
			_, err := a.trace()
			require.ErrorIs(t, err, errNoTrace)
		})
	}
}

// deep is a trace of so many spans, each in the one before it.
func deep(spans int) *trace {
	var a answer
	var text strings.Builder
	text.WriteString(`{"data":[{"traceID":"t","spans":[{"spanID":"0","duration":1000}`)
	for i := 1; i < spans; i++ {
		fmt.Fprintf(&text, `,{"spanID":"%d","operationName":"step","duration":1000,"references":[{"refType":"CHILD_OF","traceID":"t","spanID":"%d"}]}`, i, i-1)
	}
	text.WriteString("]}]}")
	if err := json.Unmarshal([]byte(text.String()), &a); err != nil {
		panic(err)
	}
	t, err := a.trace()
	if err != nil {
		panic(err)
	}
	return t
}

func TestManySpansAreCutAndItSaysSo(t *testing.T) {
	long := deep(10_000)
	require.Len(t, long.rows, maxRows)
	require.Equal(t, 10_000-maxRows, long.cut)
	require.Equal(t, maxDepth, long.rows[maxRows-1].depth)
	picture := draw(long)
	require.Contains(t, texts(t, picture), fmt.Sprintf("and %d more spans", 10_000-maxRows))
	require.Less(t, len(picture), 64<<10)
}

func TestLastingAndTicks(t *testing.T) {
	for micros, want := range map[float64]string{
		0: "0 µs", 14: "14 µs", 1500: "2 ms", 415_000: "415 ms", 2_941_000: "2.94 s", 75_400_000: "1m15s", 3_660_000_000: "1h1m0s",
	} {
		require.Equal(t, want, lasting(micros))
	}
	for _, span := range []float64{1, 3, 9, 10, 77, 1000, 2_940_000, 10_670_000, 86_400e6, 1e15} {
		lines := int(span/tick(span)) + 1
		require.True(t, lines >= 2 && lines <= 9, "%v has %d lines", span, lines)
	}
	require.Equal(t, []string{"0", "0.5 s", "200 ms", "5 µs"}, []string{tickText(0, 3e6), tickText(5e5, 3e6), tickText(2e5, 9e5), tickText(5, 20)})
}

// FuzzDraw: whatever Jaeger returns, a picture is well-formed, harmless and of bounded size.
func FuzzDraw(f *testing.F) {
	f.Add([]byte(stuckTrace))
	f.Add([]byte(`{"data":[{"traceID":"\u0000\ufffe\u202e&<","spans":[{"spanID":"a","duration":-1e300,"logs":[{"timestamp":1e308}],"tags":[{"key":"async.operation.id","value":"\ud800\u0001"}]}]}]}`))
	f.Add([]byte(`{"data":[{"spans":[{"spanID":"a","startTime":1e308,"duration":1e308},{"spanID":"b","startTime":-1e308,"duration":1e308,"references":[{"refType":"CHILD_OF","spanID":"a"}]}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var a answer
		if json.Unmarshal(body, &a) != nil {
			return
		}
		drawn, err := a.trace()
		if err != nil {
			return
		}
		picture := draw(drawn)
		texts(t, picture)
		require.Less(t, len(picture), 1<<20+200*len(body))
	})
}

// servers play a Jaeger and a console that know one operation for each scene.
func servers(t *testing.T) (jaeger, console string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.PathValue("id"), "t-") {
			io.WriteString(w, stuckTrace)
			return
		}
		http.NotFound(w, r)
	})
	mux.HandleFunc("GET /api/v1/operations", func(w http.ResponseWriter, _ *http.Request) {
		hops := []verdict.Hop{{Destination: "orders"}, {Destination: "payments"}, {Destination: "payments.dlq"}}
		json.NewEncoder(w).Encode(map[string]any{"operations": []verdict.Operation{
			{ID: "1", Name: "refund", State: "stuck", Reason: "waiting", TraceID: "x", Hops: hops},
			{ID: "2", Name: "order-fulfilment", State: "stuck", Reason: "waiting", TraceID: "t-2", Hops: hops},
			{ID: "3", Name: "order-fulfilment", State: "completed", Flags: []string{"retried"}, TraceID: "t-3", Hops: hops},
			{ID: "4", Name: "order-fulfilment", State: "dead_lettered", TraceID: "t-4", Hops: hops},
		}})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return server.URL, server.URL
}

func TestRunDrawsOneTrace(t *testing.T) {
	jaeger, _ := servers(t)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), options{jaeger: jaeger + "/", trace: "t-1"}, &out))
	require.Equal(t, string(draw(parse(t, stuckTrace))), out.String())
	require.ErrorIs(t, run(t.Context(), options{jaeger: jaeger, trace: "unknown"}, &out), verdict.ErrNotFound)
}

func TestScenesFindTheirOperations(t *testing.T) {
	jaeger, console := servers(t)
	dir := t.TempDir()
	for i := range scenes {
		require.NoError(t, scenes[i].paint(t.Context(), verdict.Client{BaseURL: console}, jaeger, dir))
		picture, err := os.ReadFile(filepath.Join(dir, scenes[i].file))
		require.NoError(t, err)
		texts(t, picture)
	}
	none := scene{file: "none.svg", fits: func(*verdict.Operation) bool { return false }}
	_, err := none.find(t.Context(), verdict.Client{BaseURL: console}, jaeger)
	require.ErrorIs(t, err, errNoneFits)
}

// The committed pictures are those that the README shows.
func TestCommittedPictures(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for _, s := range scenes {
		picture, err := os.ReadFile(filepath.Join("../../docs/images", s.file))
		require.NoError(t, err)
		require.Contains(t, texts(t, picture), "order-fulfilment")
		require.True(t, bytes.Contains(readme, []byte("docs/images/"+s.file)), "README.md does not show %s", s.file)
	}
}
