package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProcessorTime(t *testing.T) {
	used, err := parseStat([]byte("42 (a ) name) S 1 42 42 0 -1 4194560 9 0 0 0 123 77 0 0 20 0 1 0 100 1 1"))
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, used)
	for _, bad := range []string{"", "42 (x) S 1", "42 (x) S 1 42 42 0 -1 4194560 9 0 0 0 one 77"} {
		_, err := parseStat([]byte(bad))
		require.Error(t, err, bad)
	}
	_, err = cpuOf(os.Getpid())
	require.NoError(t, err)
	_, err = cpuOf(0)
	require.Error(t, err)
}
