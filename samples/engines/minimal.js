#!/usr/bin/env node
// A container engine of seven operations, in memory, for `layerproof conform samples/engines/minimal.js`.
let images = new Map(), containers = new Map(), names = new Map(), sizes = {}, made = 0; // by ID, by ID, by reference, by chain ID

const say = (answer) => console.log(JSON.stringify(answer));
const refuse = (when, refused) => { if (when) throw { refused }; };
const those = (rows, column, value) => [...rows.values()].filter((row) => row[column] === value);
const tags = (id) => [...names.keys()].filter((name) => names.get(name) === id);
const sha256 = (data) => 'sha256:' + require('node:crypto').createHash('sha256').update(data).digest('hex');
const bytes = (files) => Object.values(files).reduce((sum, data) => sum + Buffer.byteLength(data, 'base64'), 0);

function untar(tar, files = {}) { // the content of each regular file
  const field = (from, to) => tar.toString('latin1', from, to).split('\0')[0];
  const end = 512 + (parseInt(field(124, 136), 8) || 0);
  if (field(156, 157) === '0') files[field(0, 100)] = tar.subarray(512, end);
  return tar.length ? untar(tar.subarray(512 * Math.ceil(end / 512)), files) : files;
}

function drop(id) { // an image, and its parents that nothing else needs
  const { parent } = images.get(id); images.delete(id); tags(id).forEach((name) => names.delete(name));
  const needs = [...tags(parent), ...those(images, 'parent', parent), ...those(containers, 'image', parent)];
  if (images.has(parent) && !needs.length) drop(parent);
}

const operations = {
  load({ archive }) {
    const saved = untar(Buffer.from(archive, 'base64'));
    for (const { Config, Layers, Parent, RepoTags } of JSON.parse(saved['manifest.json'])) {
      const id = sha256(saved[Config]), { diff_ids } = JSON.parse(saved[Config]).rootfs, layers = [];
      refuse(RepoTags?.some((name) => name.includes('@')), 'digest-as-target');
      diff_ids.forEach((diff, n) => {
        const layer = n ? sha256(`${layers.at(-1)} ${diff}`) : diff, data = saved[Layers[n]]; layers.push(layer);
        if ([...images.values()].some((one) => one.layers.includes(layer))) return; // what is stored is not read
        refuse(sha256(data) !== diff, 'damaged-archive'); sizes[layer] = bytes(untar(data));
      });
      const parent = Parent ?? images.get(id)?.parent;
      images.set(id, { layers, size: layers.reduce((sum, layer) => sum + sizes[layer], 0), parent });
      RepoTags?.forEach((name) => names.set(name, id));
    }
  },
  tag({ image, reference }) {
    refuse(!images.has(image), 'no-such-image'); refuse(reference.includes('@'), 'digest-as-target');
    names.set(reference, image);
  },
  remove_by_id({ image, force }) {
    refuse(!images.has(image), 'no-such-image'); refuse(those(images, 'parent', image).length, 'has-child-images');
    refuse(!force && tags(image).length > 1, 'several-tags');
    refuse(those(containers, 'image', image).length, 'used-by-container'); drop(image);
  },
  create({ image, name }) {
    refuse(!images.has(image), 'no-such-image'); refuse(those(containers, 'name', name).length, 'name-taken');
    containers.set(`c${++made}`, { name, image, size: images.get(image).size, files: {} }); return `c${made}`;
  },
  remove({ container: id }) { refuse(!containers.delete(id), 'no-such-container'); },
  write({ container: id, files }) { refuse(!containers.has(id), 'no-such-container'); Object.assign(containers.get(id).files, files); },
  reset() { [images, containers, names].forEach((all) => all.clear()); }, close() {},
  hello: () => ({ messages: 1, name: 'minimal', version: '1', dialect: 'docker',
    capabilities: ['create', 'load', 'remove', 'remove_by_id', 'tag', 'write'] }),
  observe: () => ({ images: [...images].map(([id, image]) => ({ id, references: tags(id), ...image })),
    containers: [...containers].map(([id, { files, size, ...one }]) => ({ id, ...one, status: 'created',
      size_rw: bytes(files), size_root_fs: size + bytes(files) })) }),
};
require('node:readline').createInterface(process.stdin).on('line', (line) => {
  try { const asked = JSON.parse(line); say({ result: operations[asked.do](asked) ?? null }); }
  catch (error) { if (!error.refused) throw error; say(error); }
});
