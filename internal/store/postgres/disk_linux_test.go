//go:build e2e

package postgres_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/store"
	"github.com/throughline/throughline/internal/store/storetest"
)

func TestADiskThatIsFullAndHasRoomAgain(t *testing.T) {
	if !storetest.InOwnMounts(t) {
		return
	}
	disk := storetest.NewDisk(t, "24m")
	server := newServer(t)
	server.own(t, disk.Folder)
	server.do(t, "CREATE TABLESPACE small LOCATION '"+disk.Folder+"'")
	server.do(t, "CREATE DATABASE shared TABLESPACE small")
	s := open(t, server.dsn("shared"))
	storetest.RequireWrite(t, s, storetest.Small("order-1"))
	var err error
	written := 0
	for ; err == nil && written < 100; written++ {
		large := storetest.Small(fmt.Sprintf("filled-%d", written))
		large.Rows[0].Data = make([]byte, 1<<20)
		err = s.Write(t.Context(), large)
	}
	require.ErrorIs(t, err, store.ErrFull)
	storetest.RequireSmall(t, s, "order-1")
	disk.Resize(t, "64m")
	storetest.RequireWrite(t, s, storetest.Small("order-2"))
	storetest.RequireSmall(t, s, "order-2")
	n := 0
	for _, err := range s.Rows(t.Context(), nil) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, written+1, n)
}
