package stack

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startEcho returns the address of a server that answers every line with itself.
func startEcho(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					fmt.Fprintln(conn, lines.Text())
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// ask sends a line and returns the answer, and how long it took.
func ask(conn net.Conn, line string) (answer string, took time.Duration, err error) {
	begin := time.Now()
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return "", 0, err
	}
	answer, err = bufio.NewReader(conn).ReadString('\n')
	return answer, time.Since(begin), err
}

func TestProxyDelaysAndCuts(t *testing.T) {
	proxy, err := StartProxy(startEcho(t))
	require.NoError(t, err)
	defer proxy.Close()
	conn, err := net.Dial("tcp", proxy.Address)
	require.NoError(t, err)
	defer conn.Close()
	answer, _, err := ask(conn, "quick")
	require.NoError(t, err)
	require.Equal(t, "quick\n", answer)

	require.NoError(t, proxy.Delay(t.Context(), 50*time.Millisecond, 0))
	answer, took, err := ask(conn, "slow")
	require.NoError(t, err)
	require.Equal(t, "slow\n", answer)
	require.GreaterOrEqual(t, took, 100*time.Millisecond, "there and back")

	require.NoError(t, proxy.Delay(t.Context(), 0, 0))
	proxy.Cut()
	_, _, err = ask(conn, "cut")
	require.Error(t, err)
	_, err = net.Dial("tcp", proxy.Address)
	require.Error(t, err)

	require.NoError(t, proxy.Mend())
	again, err := net.Dial("tcp", proxy.Address)
	require.NoError(t, err)
	defer again.Close()
	answer, _, err = ask(again, "mended")
	require.NoError(t, err)
	require.Equal(t, "mended\n", answer)
}
