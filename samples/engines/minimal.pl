#!/usr/bin/perl
# A container engine of seven operations, in memory, for `layerproof conform samples/engines/minimal.pl`.
use strict; use warnings;
use Archive::Tar; use Digest::SHA 'sha256_hex'; use JSON::PP; use List::Util qw(any sum0); use MIME::Base64; $| = 1;
my ($json, $made, @can) = (JSON::PP->new->canonical, 0, qw(create load remove remove_by_id tag write));
my (%images, %containers, %names, %sizes);    # by ID, by ID, the image of each reference, by chain ID

sub refuse { die { refused => $_[0], detail => $_[1] // '' } }
sub sha256 { 'sha256:' . sha256_hex($_[0]) }
sub tar { open my $file, '<', \$_[0]; Archive::Tar->new($file) }
sub tags { my $image = shift; my @tags = sort grep { $names{$_} eq $image } keys %names; @tags }
sub children { my $image = shift; grep { ($images{$_}{parent} // '') eq $image } keys %images }
sub used { my $image = shift; grep { $_->{image} eq $image } values %containers }
sub image { $images{ $_[0] } or refuse('no-such-image') }
sub container { $containers{ $_[0] } or refuse('no-such-container') }

sub drop {    # an image, and its parents that nothing else needs
    my $parent = delete($images{ $_[0] })->{parent};
    delete @names{ grep { $names{$_} eq $_[0] } keys %names };
    drop($parent) if $parent and $images{$parent} and not tags($parent) || children($parent) || used($parent);
}

my %do = (
    load => sub {
        my $archive = tar(decode_base64($_[0]{archive}));
        for my $row (@{ decode_json($archive->get_content('manifest.json')) }) {
            my ($config, @files) = map { $archive->get_content($_) } $row->{Config}, @{ $row->{Layers} };
            my ($image, $chain, @layers) = (sha256($config), ''); refuse('digest-as-target') if grep { /@/ } @{ $row->{RepoTags} // [] };
            for my $diff (@{ decode_json($config)->{rootfs}{diff_ids} }) {
                push @layers, $chain = $chain ? sha256("$chain $diff") : $diff; my $data = shift @files;
                next if any { any { $_ eq $chain } @{ $_->{layers} } } values %images;    # is stored, and not read again
                refuse('damaged-archive') if sha256($data) ne $diff; my $layer = tar($data);
                $sizes{$chain} = sum0 map { $_->size } $layer ? $layer->get_files : ();
            }
            $images{$image} = { layers => \@layers, size => sum0(@sizes{@layers}), parent => $row->{Parent} || $images{$image}{parent} };
            $names{$_} = $image for @{ $row->{RepoTags} // [] };
        }
    },
    tag => sub { image($_[0]{image}); refuse('digest-as-target') if $_[0]{reference} =~ /@/; $names{ $_[0]{reference} } = $_[0]{image} },
    remove_by_id => sub {
        my ($id, $force) = ($_[0]{image}, $_[0]{force}); image($id);
        refuse('has-child-images') if children($id); refuse('several-tags') if !$force and tags($id) > 1;
        refuse('used-by-container') if used($id);
        drop($id);
    },
    create => sub {
        image($_[0]{image}); my $name = $_[0]{name};
        refuse('name-taken') if grep { $_->{name} eq $name } values %containers;
        $containers{ 'c' . ++$made } = { name => $name, image => $_[0]{image}, size => image($_[0]{image})->{size}, files => {} }; "c$made";
    },
    remove => sub { container($_[0]{container}); delete $containers{ $_[0]{container} } },
    write => sub { my $c = container($_[0]{container}); $c->{files}{$_} = length decode_base64($_[0]{files}{$_}) for keys %{ $_[0]{files} } },
    reset => sub { %images = %containers = %names = () }, close => sub { },
    hello => sub { +{ messages => 1, name => 'minimal', version => '1', dialect => 'docker', capabilities => [@can] } },
);
$do{observe} = sub {
    my @seen = map { my $c = $containers{$_}; my $rw = 0; $rw += $_ for values %{ $c->{files} };
        { id => $_, name => $c->{name}, image => $c->{image}, status => 'created', size_rw => $rw, size_root_fs => $rw + $c->{size} } } sort keys %containers;
    { containers => \@seen, images => [map { { id => $_, references => [tags($_)], %{ $images{$_} } } } sort keys %images] };
};
while (my $line = <STDIN>) {
    my $asked = decode_json($line);
    my $result = eval { $do{ $asked->{do} }->($asked) };
    print $json->encode($@ ? (ref $@ ? $@ : die $@) : { result => $asked->{do} =~ /^(hello|observe|create)$/ ? $result : undef }), "\n";
}
