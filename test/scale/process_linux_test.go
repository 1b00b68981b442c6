package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestResidentMemory(t *testing.T) {
	now, most, err := parseStatus([]byte("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t 1 kB\n"))
	require.NoError(t, err)
	require.Equal(t, 1<<20, int(now))
	require.Equal(t, 2<<20, int(most))
	for _, bad := range []string{"", "Name:\tx\nVmRSS:\t1 kB\n", "Name:\tx\nVmRSS:\tmuch kB\nVmHWM:\t1 kB\n"} {
		_, _, err := parseStatus([]byte(bad))
		require.Error(t, err, bad)
	}
	now, most, err = residentOf(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, now)
	require.GreaterOrEqual(t, most, now)
	_, _, err = residentOf(0)
	require.Error(t, err)
}
