// Package web carries the browser app inside the binary.
//
// The app is built by npm into dist, which git ignores but for a placeholder, so that the Go tree compiles before the page
// has ever been built. Built tells the two apart.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var embedded embed.FS

// Dist is the built page: index.html at its root, hashed files under assets. Only the placeholder is in it when the
// binary was compiled without building the page first.
func Dist() fs.FS {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		// fs.Sub only fails on an invalid path, and this one is a constant.
		panic(err)
	}
	return dist
}

// Built reports whether the page was built before the binary was compiled.
func Built() bool {
	info, err := fs.Stat(embedded, "dist/index.html")
	return err == nil && info.Mode().IsRegular()
}
