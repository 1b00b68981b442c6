package operationsextension

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/throughline/throughline/internal/operation"
)

func TestFactsAreNeverCommittedWithoutTheAttributesOfTheirServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		batch := func(c *Config) { c.Store.Durability = durabilityBatch }
		o := startKept(t, path, batch)
		require.NoError(t, o.Ready())
		attributes := pcommon.NewMap()
		for i, version := range []string{"1.4.2", "1.5.0"} {
			attributes.PutStr("service.version", version)
			o.Originals().Saw("worker", version, attributes, time.Now().UnixNano())
			o.Apply(time.Now(), []operation.Fact{sent("o-"+version, byte(i+1))}, nil)
			require.NoError(t, o.Commit(t.Context()))
		}
		kill(t, o)

		again := startKept(t, path, batch)
		for _, version := range []string{"1.4.2", "1.5.0"} {
			require.Equal(t, o.Originals().ResourceOf("worker", version), again.Originals().ResourceOf("worker", version))
		}
		require.NoError(t, again.Ready())
		end(t, again)
	})
}
