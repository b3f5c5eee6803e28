// A container engine of seven operations, in memory: go build -o engine minimal.go; layerproof conform ./engine
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

type object = map[string]any
type image struct {
	Layers []string `json:"layers"`
	Size   int      `json:"size"`
	Parent string   `json:"parent,omitempty"`
}
type container struct {
	name, image string
	size        int
	files       map[string]int
}
type row struct {
	Config, Parent   string
	Layers, RepoTags []string
}
type request struct {
	Do, Image, Container, Name, Reference string
	Archive                               []byte
	Force                                 bool
	Files                                 map[string][]byte
}

var images, containers, names, sizes = map[string]*image{}, map[string]*container{}, map[string]string{}, map[string]int{}
var made = 0

func sha(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }
func refuse(when bool, name string) {
	if when {
		panic(name)
	}
}
func those[T any](all map[string]T, is func(T) bool) []string { // their IDs
	found := []string{}
	for id, one := range all {
		if is(one) {
			found = append(found, id)
		}
	}
	return found
}
func tags(id string) []string { return those(names, func(named string) bool { return named == id }) }
func children(id string) []string {
	return those(images, func(one *image) bool { return one.Parent == id })
}
func users(id string) []string {
	return those(containers, func(one *container) bool { return one.image == id })
}
func stored(layer string) []string {
	return those(images, func(one *image) bool { return strings.Contains(strings.Join(one.Layers, " "), layer) })
}
func untar(data []byte) (files map[string][]byte, size int) { // the content of each regular file
	files = map[string][]byte{}
	for tape := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := tape.Next()
		if err != nil {
			return
		}
		content, _ := io.ReadAll(tape)
		files[header.Name], size = content, size+len(content)
	}
}
func load(saved map[string][]byte, one row) {
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	json.Unmarshal(saved[one.Config], &config)
	refuse(strings.Contains(strings.Join(one.RepoTags, " "), "@"), "digest-as-target")
	id, new := sha(saved[one.Config]), &image{Parent: one.Parent, Layers: []string{}}
	for n, chain := range config.RootFS.DiffIDs {
		diff, data := chain, saved[one.Layers[n]]
		if n > 0 {
			chain = sha([]byte(new.Layers[n-1] + " " + diff))
		}
		if len(stored(chain)) == 0 {
			refuse(sha(data) != diff, "damaged-archive")
			_, sizes[chain] = untar(data)
		}
		new.Layers, new.Size = append(new.Layers, chain), new.Size+sizes[chain]
	}
	if old := images[id]; old != nil && new.Parent == "" {
		new.Parent = old.Parent
	}
	images[id] = new
	for _, name := range one.RepoTags {
		names[name] = id
	}
}
func drop(id string) { // an image, and its parents that nothing else needs
	parent := images[id].Parent
	for _, name := range tags(id) {
		delete(names, name)
	}
	delete(images, id)
	if images[parent] != nil && len(tags(parent))+len(children(parent))+len(users(parent)) == 0 {
		drop(parent)
	}
}
func observe() object {
	shown, run := []object{}, []object{}
	for id, one := range images {
		shown = append(shown, object{"id": id, "references": tags(id), "layers": one.Layers,
			"size": one.Size, "parent": map[bool]any{true: one.Parent}[one.Parent != ""]})
	}
	for id, one := range containers {
		rw := 0
		for _, size := range one.files {
			rw += size
		}
		run = append(run, object{"id": id, "name": one.name, "image": one.image, "status": "created", "size_rw": rw,
			"size_root_fs": one.size + rw})
	}
	return object{"images": shown, "containers": run}
}
func do(asked request) any {
	in, id := asked.Image, asked.Container
	switch asked.Do {
	case "hello":
		return object{"messages": 1, "name": "minimal", "version": "1", "dialect": "docker",
			"capabilities": []string{"create", "load", "remove", "remove_by_id", "tag", "write"}}
	case "load":
		saved, _ := untar(asked.Archive)
		rows := []row{}
		json.Unmarshal(saved["manifest.json"], &rows)
		for _, one := range rows {
			load(saved, one)
		}
	case "tag":
		refuse(images[in] == nil, "no-such-image")
		refuse(strings.Contains(asked.Reference, "@"), "digest-as-target")
		names[asked.Reference] = in
	case "remove_by_id":
		refuse(images[in] == nil, "no-such-image")
		refuse(len(children(in)) > 0, "has-child-images")
		refuse(!asked.Force && len(tags(in)) > 1, "several-tags")
		refuse(len(users(in)) > 0, "used-by-container")
		drop(in)
	case "create":
		refuse(images[in] == nil, "no-such-image")
		refuse(len(those(containers, func(c *container) bool { return c.name == asked.Name })) > 0, "name-taken")
		made++
		containers[fmt.Sprint("c", made)] = &container{asked.Name, in, images[in].Size, map[string]int{}}
		return fmt.Sprint("c", made)
	case "remove":
		refuse(containers[id] == nil, "no-such-container")
		delete(containers, id)
	case "write":
		refuse(containers[id] == nil, "no-such-container")
		for path, data := range asked.Files {
			containers[id].files[path] = len(data)
		}
	case "observe":
		return observe()
	case "reset", "close":
		clear()
	}
	return nil
}
func clear() {
	images, containers, names = map[string]*image{}, map[string]*container{}, map[string]string{}
}
func answer(asked request) (said object) {
	defer func() {
		if name := recover(); name != nil {
			said = object{"refused": name}
		}
	}()
	return object{"result": do(asked)}
}
func main() {
	for in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout); ; {
		var asked request
		if in.Decode(&asked) != nil {
			return
		}
		out.Encode(answer(asked))
	}
}
