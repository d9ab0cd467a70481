// Command parley is the server and its tools; parley --help lists them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/parley-im/parley/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := app.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
