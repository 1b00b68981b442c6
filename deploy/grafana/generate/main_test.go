package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCommittedDashboardsAreCurrent(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, write(folder))
	for name := range all() {
		want, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("..", "dashboards", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s: run `make generate`", name)
	}
	committed, err := filepath.Glob("../dashboards/*.json")
	require.NoError(t, err)
	require.Len(t, committed, len(all()), "a dashboard is no longer generated")
}

func TestRowsThatAreTooWideAreRefused(t *testing.T) {
	d := newDashboard("x", "X", "")
	wide := func() *panel { return &panel{Title: "wide", GridPos: place{W: 20}} }
	require.Panics(t, func() { d.row("row", 4, wide(), wide()) })
}
