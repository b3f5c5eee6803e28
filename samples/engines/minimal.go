// A container engine of seven operations, in memory: go build -o engine minimal.go; layerproof conform ./engine
// (As short as the examples in other languages: gofmt would give each branch three lines.)
package main
import ("archive/tar"; "bytes"; "crypto/sha256"; "encoding/json"; "fmt"; "io"; "os"; "strings")

type image struct { ID string `json:"id"`; References []string `json:"references"`; Layers []string `json:"layers"`
	Size int `json:"size"`; Parent string `json:"parent,omitempty"` }
type container struct { ID string `json:"id"`; Name string `json:"name"`; Image string `json:"image"`
	Status string `json:"status"`; SizeRw int `json:"size_rw"`; SizeRootFs int `json:"size_root_fs"`; files map[string]int }
type row struct { Config, Parent string; Layers, RepoTags []string }
type request struct { Do, Image, Container, Name, Reference string; Archive []byte; Force bool; Files map[string][]byte }

var images, containers, names = map[string]*image{}, map[string]*container{}, map[string]string{} // by ID, by ID, by reference
var sizes, made = map[string]int{}, 0 // of layers, by chain ID; how many containers were made

func sha(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }
func refuse(when bool, name string) { if when { panic(name) } }
func those[T any](all map[string]T, is func(T) bool) []string { // their keys
	found := []string{}; for key, one := range all { if is(one) { found = append(found, key) } }; return found }
func tags(id string) []string { return those(names, func(named string) bool { return named == id }) }
func children(id string) []string { return those(images, func(one *image) bool { return one.Parent == id }) }
func users(id string) []string { return those(containers, func(one *container) bool { return one.Image == id }) }
func untar(data []byte) (files map[string][]byte, size int) { // the content of each regular file
	files = map[string][]byte{}; tape := tar.NewReader(bytes.NewReader(data))
	for head, err := tape.Next(); err == nil; head, err = tape.Next() {
		data, _ := io.ReadAll(tape); files[head.Name], size = data, size+len(data) }; return }
func load(saved map[string][]byte, rows []row) { for _, one := range rows {
	var read struct { RootFS struct { DiffIDs []string `json:"diff_ids"` } }; json.Unmarshal(saved[one.Config], &read)
	refuse(strings.Contains(fmt.Sprint(one.RepoTags), "@"), "digest-as-target")
	new := &image{ID: sha(saved[one.Config]), Parent: one.Parent}
	for n, chain := range read.RootFS.DiffIDs {
		data, diff := saved[one.Layers[n]], chain; if n > 0 { chain = sha([]byte(new.Layers[n-1] + " " + diff)) }
		stored := those(images, func(old *image) bool { return strings.Contains(fmt.Sprint(old.Layers), chain) })
		if len(stored) == 0 { refuse(sha(data) != diff, "damaged-archive"); _, sizes[chain] = untar(data) }
		new.Layers, new.Size = append(new.Layers, chain), new.Size+sizes[chain] }
	if old := images[new.ID]; old != nil && new.Parent == "" { new.Parent = old.Parent }
	images[new.ID] = new; for _, name := range one.RepoTags { names[name] = new.ID } } }
func drop(id string) { // an image, and its parents that nothing else needs
	parent := images[id].Parent; delete(images, id); for _, name := range tags(id) { delete(names, name) }
	if images[parent] != nil && len(tags(parent))+len(children(parent))+len(users(parent)) == 0 { drop(parent) } }
func do(ask request) any {
	in, at, named := images[ask.Image], containers[ask.Container], tags(ask.Image)
	refuse(ask.Image != "" && in == nil, "no-such-image"); refuse(ask.Container != "" && at == nil, "no-such-container")
	switch ask.Do {
	case "hello": return map[string]any{"messages": 1, "name": "minimal", "version": "1", "dialect": "docker",
		"capabilities": []string{"create", "load", "remove", "remove_by_id", "tag", "write"}}
	case "load": var rows []row; saved, _ := untar(ask.Archive); json.Unmarshal(saved["manifest.json"], &rows); load(saved, rows)
	case "tag": refuse(strings.Contains(ask.Reference, "@"), "digest-as-target"); names[ask.Reference] = ask.Image
	case "remove_by_id": refuse(len(children(ask.Image)) > 0, "has-child-images"); refuse(!ask.Force && len(named) > 1, "several-tags")
		refuse(len(users(ask.Image)) > 0, "used-by-container"); drop(ask.Image)
	case "create": refuse(len(those(containers, func(c *container) bool { return c.Name == ask.Name })) > 0, "name-taken"); made++
		id := fmt.Sprint("c", made); containers[id] = &container{id, ask.Name, ask.Image, "created", 0, in.Size, map[string]int{}}; return id
	case "remove": delete(containers, ask.Container)
	case "write": for path, data := range ask.Files {
		more := len(data) - at.files[path]; at.files[path], at.SizeRw, at.SizeRootFs = len(data), at.SizeRw+more, at.SizeRootFs+more }
	case "observe": seen, run := []*image{}, []*container{}; for _, one := range containers { run = append(run, one) }
		for id, one := range images { one.References = tags(id); seen = append(seen, one) }
		return map[string]any{"images": seen, "containers": run}
	case "reset": images, containers, names = map[string]*image{}, map[string]*container{}, map[string]string{}
	}; return nil }
func answer(ask request) (said map[string]any) {
	defer func() { if name := recover(); name != nil { said = map[string]any{"refused": name} } }()
	return map[string]any{"result": do(ask)} }
func main() { var in, out = json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for { var ask request; if in.Decode(&ask) != nil { return }; out.Encode(answer(ask)) } }
