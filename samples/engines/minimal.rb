#!/usr/bin/env ruby
# A container engine of seven operations, in memory, for `layerproof conform samples/engines/minimal.rb`.
%w[digest json rubygems/package stringio].each { |name| require name }

class Minimal
  def initialize = (@made, @images, @containers, @names, @sizes = 0, {}, {}, {}, {}) # of layers, by chain ID
  def refuse(so, name) = so && throw(:answer, { refused: name })
  def tags(id) = @names.select { |_, image| image == id }.keys
  def rows(table, column, value) = table.values.select { |row| row[column] == value }
  def sha256(text) = "sha256:#{Digest::SHA256.hexdigest(text)}"
  def untar(tar) = Gem::Package::TarReader.new(StringIO.new(tar)).to_h { |file| [file.full_name, file.read.to_s] }
  def bytes(files) = files.values.sum(&:bytesize)

  def drop(id) # an image, and its parents that nothing else needs
    parent = @images.delete(id)[:parent]; @names.delete_if { |_, image| image == id }
    needs = tags(parent) + rows(@images, :parent, parent) + rows(@containers, :image, parent)
    drop(parent) if @images[parent] && needs.empty?
  end

  def load(archive:)
    saved = untar(archive.unpack1('m'))
    JSON.parse(saved['manifest.json']).each do |row|
      id, diffs = sha256(saved[row['Config']]), JSON.parse(saved[row['Config']])['rootfs']['diff_ids']
      layers = diffs.drop(1).inject(diffs.take(1)) { |below, diff| below << sha256("#{below.last} #{diff}") }
      refuse(row['RepoTags']&.any? { |name| name.include?('@') }, 'digest-as-target')
      layers.zip(diffs, row['Layers']) do |layer, diff, file|
        next if @images.any? { |_, image| image[:layers].include?(layer) } # what is stored is not read
        refuse(sha256(saved[file]) != diff, 'damaged-archive'); @sizes[layer] = bytes(untar(saved[file]))
      end
      @images[id] = { layers:, size: @sizes.values_at(*layers).sum, parent: row['Parent'] || @images.dig(id, :parent) }
      row['RepoTags']&.each { |name| @names[name] = id }
    end
  end
  def tag(image:, reference:)
    refuse(!@images[image], 'no-such-image'); refuse(reference.include?('@'), 'digest-as-target')
    @names[reference] = image
  end
  def remove_by_id(image:, force:)
    refuse(!@images[image], 'no-such-image'); refuse(rows(@images, :parent, image).any?, 'has-child-images')
    refuse(!force && tags(image).size > 1, 'several-tags')
    refuse(rows(@containers, :image, image).any?, 'used-by-container'); drop(image)
  end
  def create(image:, name:)
    refuse(!@images[image], 'no-such-image'); refuse(rows(@containers, :name, name).any?, 'name-taken')
    "c#{@made += 1}".tap { |id| @containers[id] = { name:, image:, size: @images[image][:size], files: {} } }
  end
  def remove(container:, force:) = refuse(!@containers.delete(container), 'no-such-container')
  def write(container:, files:)
    refuse(!@containers[container], 'no-such-container')
    @containers[container][:files].merge!(files.transform_values { |text| text.unpack1('m') })
  end
  def reset = [@images, @containers, @names].each(&:clear); alias close reset
  def hello(messages:) = { messages:, name: 'minimal', version: '1', dialect: 'docker',
                           capabilities: %w[create load remove remove_by_id tag write] }
  def seen(id, one, rw = bytes(one[:files])) =
    one.except(:files, :size).merge(id:, status: 'created', size_rw: rw, size_root_fs: one[:size] + rw)
  def observe = { images: @images.map { |id, image| { id:, references: tags(id), **image } },
                  containers: @containers.map { |id, one| seen(id, one) } }
end

engine, $stdout.sync = Minimal.new, true
$stdin.each_line do |line|
  verb = (asked = JSON.parse(line, symbolize_names: true)).delete(:do)
  told = ->(result) { %w[create hello observe].include?(verb) ? result : nil }
  puts JSON.generate(catch(:answer) { { result: told[engine.public_send(verb, **asked)] } })
end
