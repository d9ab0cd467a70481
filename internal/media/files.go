package media

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"time"
)

// A directory is where files arrive and, unless there is a bucket, stay.
type directory struct {
	root *os.Root // no name can lead out of it
	now  func() time.Time
}

// aboutSuffix ends the name of what is known of a file.
const aboutSuffix = ".json"

// clear makes the incoming directory and removes abandoned files from it.
func (d *directory) clear() error {
	if err := d.root.MkdirAll(incoming, 0o700); err != nil {
		return err
	}
	entries, err := fs.ReadDir(d.root.FS(), incoming)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || d.now().Sub(info.ModTime()) < abandoned {
			continue
		}
		if err := d.root.Remove(path.Join(incoming, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// write makes an incoming file, has it filled and puts it on the disk.
func (d *directory) write(fill func(*os.File) error) (name string, err error) {
	name = path.Join(incoming, rand.Text())
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", errors.Join(err, d.root.Remove(name))
	}
	return name, nil
}

// keep moves a whole file to its place and then says so beside it. What a
// provider keeps under an id does not change, so a crash between the two
// leaves at worst a file that is not known of, and is fetched again.
func (d *directory) keep(_ context.Context, name, temp string, a *about) error {
	doc, err := json.Marshal(a)
	if err != nil {
		return err
	}
	note, err := d.write(func(f *os.File) error {
		_, err := f.Write(doc)
		return err
	})
	if err != nil {
		return err
	}
	project := path.Dir(name)
	err = d.root.MkdirAll(project, 0o700)
	if err == nil {
		err = d.root.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, d.root.Remove(note))
	}
	if err := d.root.Rename(note, name+aboutSuffix); err != nil {
		return errors.Join(err, d.root.Remove(note))
	}
	return errors.Join(d.syncDir(project), d.syncDir("."))
}

// syncDir makes renames in a directory durable.
func (d *directory) syncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // it has no such call; NTFS keeps its own journal
	}
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// open returns a kept file.
func (d *directory) open(_ context.Context, name string) (io.ReadSeekCloser, *about, error) {
	doc, err := d.root.ReadFile(name + aboutSuffix)
	if err != nil {
		return nil, nil, err
	}
	a := new(about)
	if err := json.Unmarshal(doc, a); err != nil {
		return nil, nil, fmt.Errorf("read what is known of a file: %w", err)
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return f, a, nil
}

// has reports whether a file is kept.
func (d *directory) has(_ context.Context, name string) bool {
	_, err := d.root.Stat(name + aboutSuffix)
	return err == nil
}

// remove removes first what is known of a file, so that it is not taken for
// whole, and then the file.
func (d *directory) remove(_ context.Context, name string) error {
	for _, n := range []string{name + aboutSuffix, name} {
		if err := d.root.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// discard removes an incoming file, if it is still there.
func (d *directory) discard(temp string) error {
	if err := d.root.Remove(temp); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
