package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/throughline/throughline/cmd/asyncgen/internal/options"
	"github.com/throughline/throughline/cmd/asyncgen/internal/otlptest"
	"github.com/throughline/throughline/cmd/asyncgen/internal/truth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is a standard output or error that may be read while it is written.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// asyncgen runs the command with a line of flags and returns its exit code and what it printed.
func asyncgen(flags string, signals <-chan os.Signal) (code int, stdout, stderr string) {
	var out, err output
	code = run(strings.Fields(flags), signals, &out, &err)
	return code, out.String(), err.String()
}

func readTruth(t *testing.T, text []byte) []truth.Operation {
	t.Helper()
	var operations []truth.Operation
	require.NoError(t, json.Unmarshal(text, &operations))
	return operations
}

func TestTruthAgreesWithWhatArrives(t *testing.T) {
	for _, propagation := range []string{"trace", "link", "none"} {
		t.Run(propagation, func(t *testing.T) {
			t.Parallel()
			server, path := otlptest.Start(t), filepath.Join(t.TempDir(), "truth.json")
			code, _, stderr := asyncgen("--operations 140 --rate 400 --seed 7 --time-scale 0.2 --propagation "+propagation+
				" --mix completed=2,retried=2,failed=2,never_consumed=2,killed=2,duplicated=2,dead_lettered=2 --endpoint "+server.Endpoint+" --truth "+path, nil)
			require.Equal(t, exitOK, code, stderr)
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			operations, scenarios, states := readTruth(t, content), map[string]int{}, map[string]int{}
			require.Len(t, operations, 140)
			arrived, hops := collect(server), 0
			for _, op := range operations {
				state, reason, flags := arrived.judge(op.Hops)
				require.Equal(t, []any{op.State, op.Reason, op.Flags}, []any{state, reason, flags}, op.ID)
				require.Equal(t, 2, arrived.entries[op.ID])
				for _, hop := range op.Hops {
					arrived.hop(hop.MessageID).compare(t, hop, propagation)
				}
				hops += len(op.Hops)
				scenarios[op.Scenario]++
				states[op.State]++
			}
			require.Equal(t, map[string]int{"completed": 20, "retried": 20, "failed": 20, "never_consumed": 20, "killed": 20, "duplicated": 20, "dead_lettered": 20}, scenarios)
			require.Len(t, arrived.hops, hops, "nothing arrived that the truth does not know")
			for id, times := range arrived.spans {
				require.Equal(t, 1, times, "span %s", id)
			}
			dead := states["dead_lettered"]
			require.Greater(t, dead, 20, "some of those that fail were tried again, too")
			require.Contains(t, stderr, fmt.Sprintf(
				"asyncgen: 140 operations: 60 completed, %d dead_lettered, %d failed, 20 stuck/processing, 20 stuck/waiting; flags: 20 duplicated, ", dead, 40-dead))
			require.Contains(t, stderr, ", 0 and 0 lost\n")
		})
	}
}

func TestRecover(t *testing.T) {
	server := otlptest.Start(t)
	code, stdout, stderr := asyncgen("--operations 20 --rate 1000 --time-scale 0.01 --mix never_consumed=1 --recover 300ms --truth - --endpoint "+server.Endpoint, nil)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `asyncgen: seed \d+\n`, stderr)
	operations := readTruth(t, []byte(stdout))
	require.Len(t, operations, 20)
	for _, op := range operations {
		require.Equal(t, "completed", op.State)
		require.Empty(t, op.Flags)
		longest := 0.0
		for _, hop := range op.Hops {
			longest = max(longest, *hop.WaitSeconds)
		}
		require.GreaterOrEqual(t, longest, 0.3)
	}
}

func TestFirstSignalLetsOperationsEnd(t *testing.T) {
	server, path := otlptest.Start(t), filepath.Join(t.TempDir(), "truth.json")
	signals := make(chan os.Signal, 1)
	go func() {
		for len(server.Traces()) == 0 {
			<-time.After(time.Millisecond)
		}
		signals <- os.Interrupt
	}()
	code, _, stderr := asyncgen("--for 1h --rate 300 --seed 1 --endpoint "+server.Endpoint+" --truth "+path, signals)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "stopping: operations under way come to their end")
	require.NotContains(t, stderr, "left under way")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	arrived, operations := collect(server), readTruth(t, content)
	require.NotEmpty(t, operations)
	require.Len(t, arrived.entries, len(operations))
	for _, op := range operations {
		state, reason, flags := arrived.judge(op.Hops)
		require.Equal(t, []any{op.State, op.Reason, op.Flags}, []any{state, reason, flags}, op.ID)
	}
}

func TestSecondSignalLeavesThem(t *testing.T) {
	server, path := otlptest.Start(t), filepath.Join(t.TempDir(), "truth.json")
	signals := make(chan os.Signal, 2)
	go func() {
		// The first log records tell that operations have begun, which at this time scale take minutes.
		for len(server.Logs()) == 0 {
			<-time.After(time.Millisecond)
		}
		signals <- os.Interrupt
		signals <- os.Interrupt
	}()
	code, _, stderr := asyncgen("--for 1h --rate 100 --time-scale 1000 --seed 1 --endpoint "+server.Endpoint+" --truth "+path, signals)
	require.Equal(t, exitOK, code, stderr)
	require.Regexp(t, `\d+ operations were left under way and are not in the truth`, stderr)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, readTruth(t, content))
}

func TestLostTelemetryIsAnError(t *testing.T) {
	server, path := otlptest.Start(t), filepath.Join(t.TempDir(), "truth.json")
	server.Refuse(func() error { return status.Error(codes.PermissionDenied, "not you") })
	code, _, stderr := asyncgen("--operations 5 --hops 1 --time-scale 0.01 --mix completed=1 --seed 1 --endpoint "+server.Endpoint+" --truth "+path, nil)
	require.Equal(t, exitFailed, code)
	require.Regexp(t, `asyncgen: \d+ spans and 20 log records could not be delivered to "`+server.Endpoint+`": .*not you`, stderr)
	require.FileExists(t, path, "what was done is true all the same")
}

func TestNoTruthWithoutServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	path := filepath.Join(t.TempDir(), "truth.json")
	code, _, stderr := asyncgen("--connect-timeout 50ms --endpoint "+listener.Addr().String()+" --truth "+path, nil)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "no OTLP/gRPC server could be reached")
	require.NoFileExists(t, path)
	require.NoFileExists(t, path+truth.PartialSuffix)
}

func TestTruthCannotBeWritten(t *testing.T) {
	server := otlptest.Start(t)
	code, _, stderr := asyncgen("--endpoint "+server.Endpoint+" --truth "+filepath.Join(t.TempDir(), "missing", "truth.json"), nil)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "asyncgen: --truth: open ")
	require.Empty(t, server.Traces())
}

func TestUsage(t *testing.T) {
	code, stdout, stderr := asyncgen("--help", nil)
	require.Equal(t, exitOK, code)
	require.Equal(t, options.Usage(), stdout)
	require.Empty(t, stderr)

	code, stdout, stderr = asyncgen("--rate -1", nil)
	require.Equal(t, exitUsage, code)
	require.Empty(t, stdout)
	require.Equal(t, "asyncgen: --rate \"-1\": want a number greater than 0, up to 100000\nasyncgen --help lists all flags.\n", stderr)
}

// Every flag is documented with its default.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for line := range strings.Lines(options.Usage()) {
		name, found := strings.CutPrefix(line, "  --")
		if !found {
			continue
		}
		name, _, _ = strings.Cut(name, " ")
		row := "| `--" + name + "` | "
		if _, value, found := strings.Cut(line, "(default "); found {
			row += "`" + strings.TrimSuffix(strings.TrimSpace(value), ")") + "` |"
		}
		require.Contains(t, string(readme), row)
	}
}
