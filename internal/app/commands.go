package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/parley-im/parley/internal/store"
)

// commands is the command line.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	Dev     devCommand     `cmd:"" help:"Run the server with simulated providers and an app that is ready to use."`
	Listen  listenCommand  `cmd:"" help:"Print callbacks and check their signatures."`
	Handset handsetCommand `cmd:"" help:"Look at the simulated handsets and answer."`
	Project projectCommand `cmd:"" help:"Create, list and set up projects."`
	Key     keyCommand     `cmd:"" help:"Create, list and revoke access keys."`
	Config  configCommand  `cmd:"" help:"Check or print the configuration."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// world is what commands need from outside.
type world struct {
	ctx    context.Context //nolint:containedctx // lives as long as the one command
	out    io.Writer
	errOut io.Writer
}

// Run runs the command that args name and returns the exit code.
func Run(ctx context.Context, args []string, out, errOut io.Writer) int {
	w := &world{ctx: ctx, out: out, errOut: errOut}
	exit := -1
	parser, err := kong.New(new(commands),
		kong.Name("parley"), kong.Description("A self-hosted server for the Sinch Conversation API."),
		kong.Writers(out, errOut), kong.Exit(func(code int) { exit = code }), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Bind(w),
	)
	if err != nil {
		return w.fail(err)
	}
	command, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help
	}
	if err != nil {
		return w.fail(err)
	}
	if err := command.Run(); err != nil {
		return w.fail(err)
	}
	return 0
}

func (w *world) fail(err error) int {
	_, _ = fmt.Fprintf(w.errOut, "parley: %v\n", err) // there is nowhere else to say it
	return 1
}

// table prints rows in columns.
func (w *world) table(rows [][]string) error {
	t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintln(t, strings.Join(r, "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}

func (w *world) logger(c *Config) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w.errOut, &slog.HandlerOptions{Level: c.level()}))
}

// configFile is embedded by commands that read the configuration.
type configFile struct {
	Path string `help:"YAML file with settings; environment and flags win over it." name:"config" env:"PARLEY_CONFIG"`
	Config
}

// BeforeResolve reads the file before environment and flags are applied.
func (c *configFile) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path, _ := ctx.FlagValue(flagNamed(trace, "config")).(string)
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	var file Config
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	ctx.AddResolver(fileResolver(values))
	return nil
}

func flagNamed(trace *kong.Path, name string) *kong.Flag {
	for _, f := range trace.Node().Flags {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// fileResolver gives flags the values of the file unless the environment sets
// them.
func fileResolver(values map[string]any) kong.ResolverFunc {
	return func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, env := range flag.Envs {
			if _, ok := os.LookupEnv(env); ok {
				return nil, nil //nolint:nilnil // no value of ours
			}
		}
		name := strings.ReplaceAll(flag.Name, "-", "_")
		if rest, ok := strings.CutPrefix(name, "channels_"); ok {
			if channels, ok := values["channels"].(map[string]any); ok {
				return channels[rest], nil
			}
			return nil, nil //nolint:nilnil // no value of ours
		}
		return values[name], nil
	}
}

type serveCommand struct{ configFile }

// Run runs the server until it is told to stop.
func (c *serveCommand) Run(w *world) error {
	s, err := NewServer(w.ctx, c.Config, w.logger(&c.Config))
	if err != nil {
		return err
	}
	return s.Run(w.ctx, nil)
}

type devCommand struct {
	configFile
	DevOptions
}

// Run runs the server and the simulated providers.
func (c *devCommand) Run(w *world) error {
	if c.LogLevel == "info" {
		// What a person looks at is what is printed; surprises are logged.
		c.LogLevel = "warn"
	}
	return Dev(w.ctx, c.Config, c.DevOptions, w.logger(&c.Config), w.out)
}

type listenCommand struct{ ListenOptions }

// Run prints callbacks until it is told to stop.
func (c *listenCommand) Run(w *world) error { return Listen(w.ctx, c.ListenOptions, w.out) }

type projectCommand struct {
	configFile
	Create struct {
		ID   string `arg:"" optional:"" help:"Id; default: a new one."`
		Name string `help:"Name shown to people."`
	} `cmd:"" help:"Create a project."`
	List struct{} `cmd:"" help:"List the projects."`
	Set  struct {
		ID             string `arg:"" help:"The project."`
		ContactTTLDays int64  `help:"Remove contacts after so many days without a message, with all that was said; 0 keeps them." name:"contact-ttl-days" required:""`
	} `cmd:"" help:"Change how long a project keeps its contacts."`
}

// Run runs the subcommand that was named.
func (c *projectCommand) Run(w *world, k *kong.Context) error {
	return w.administer(c.Config, func(st *store.Store) error {
		switch strings.Fields(k.Command())[1] {
		case "set":
			return st.SetContactTTL(w.ctx, c.Set.ID, c.Set.ContactTTLDays)
		case "create":
			id := c.Create.ID
			if id == "" {
				id = newUUID()
			}
			p, err := st.CreateProject(w.ctx, id, c.Create.Name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(w.out, p.ID)
			return err
		}
		list, err := st.Projects(w.ctx)
		if err != nil {
			return err
		}
		ttls, err := st.ContactTTLs(w.ctx)
		if err != nil {
			return err
		}
		rows := [][]string{{"PROJECT", "NAME", "CREATED", "CONTACTS"}}
		for _, p := range list {
			kept := "kept"
			if days := ttls[p.ID]; days > 0 {
				kept = strconv.FormatInt(days, 10) + " days"
			}
			rows = append(rows, []string{p.ID, p.Name, p.CreatedAt.Format(time.RFC3339), kept})
		}
		return w.table(rows)
	})
}

type keyCommand struct {
	configFile
	Create struct {
		Project string `arg:"" help:"The project it opens."`
	} `cmd:"" help:"Create an access key; its secret is shown this once."`
	List struct {
		Project string `arg:"" help:"The project."`
	} `cmd:"" help:"List a project's access keys."`
	Revoke struct {
		ID string `arg:"" help:"The key's id."`
	} `cmd:"" help:"Make an access key useless within seconds."`
}

// Run runs the subcommand that was named.
func (c *keyCommand) Run(w *world, k *kong.Context) error {
	return w.administer(c.Config, func(st *store.Store) error {
		switch strings.Fields(k.Command())[1] {
		case "create":
			key, err := st.CreateKey(w.ctx, c.Create.Project, "", "")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w.out, "key     %s\nsecret  %s\n", key.ID, key.Secret)
			return err
		case "revoke":
			return st.RevokeKey(w.ctx, c.Revoke.ID)
		}
		list, err := st.Keys(w.ctx, c.List.Project)
		if err != nil {
			return err
		}
		rows := [][]string{{"KEY", "CREATED", "REVOKED"}}
		for _, key := range list {
			revoked := "-"
			if !key.RevokedAt.IsZero() {
				revoked = key.RevokedAt.Format(time.RFC3339)
			}
			rows = append(rows, []string{key.ID, key.CreatedAt.Format(time.RFC3339), revoked})
		}
		return w.table(rows)
	})
}

// administer opens the database beside a server that may be running: these
// commands touch nothing it holds in memory for more than seconds.
func (w *world) administer(cfg Config, f func(*store.Store) error) error {
	if err := cfg.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	st, err := openUnlocked(w.ctx, cfg, w.logger(&cfg))
	if err != nil {
		return err
	}
	return errors.Join(f(st), st.Close())
}

type configCommand struct {
	configFile
	Check struct{} `cmd:"" help:"Say whether the configuration can work."`
	Print struct{} `cmd:"" help:"Print every setting as it is in force; secrets are hidden."`
}

// Run runs the subcommand that was named.
func (c *configCommand) Run(w *world, k *kong.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	if strings.Fields(k.Command())[1] == "check" {
		_, err := fmt.Fprintln(w.out, "The configuration is good.")
		return err
	}
	text, err := yaml.Marshal(c.Config)
	if err != nil {
		return err
	}
	_, err = w.out.Write(text)
	return err
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(w *world) error {
	_, err := fmt.Fprintln(w.out, Version())
	return err
}
