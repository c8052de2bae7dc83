#!/usr/bin/env bash
# Downloads the full MNIST, 11 MB in four files, from its public mirrors, and verifies each file.
#
#   bash inputs/fetch_mnist.sh [FOLDER]    default: $NTKFLOW_DATA/mnist, or inputs/mnist without NTKFLOW_DATA
#
# What is there and right is left alone; an interrupted download goes on where it stopped. The checksums are those of the
# unpacked files, since copies of MNIST packed by different gzips go around. NTKFLOW_MNIST_MIRRORS replaces the mirrors
# (URLs separated by spaces), for a site with its own copy.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-${NTKFLOW_DATA:-$here}/mnist}
read -ra mirrors <<<"${NTKFLOW_MNIST_MIRRORS:-\
https://ossci-datasets.s3.amazonaws.com/mnist \
https://storage.googleapis.com/cvdf-datasets/mnist \
http://yann.lecun.com/exdb/mnist}"
files=(
  "train-images-idx3-ubyte.gz ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
  "train-labels-idx1-ubyte.gz 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
  "t10k-images-idx3-ubyte.gz 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
  "t10k-labels-idx1-ubyte.gz ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
)

if command -v curl >/dev/null; then
  download() { curl --fail --silent --show-error --location --retry 2 --connect-timeout 20 --continue-at - --output "$2" "$1"; }
elif command -v wget >/dev/null; then
  download() { wget --quiet --tries=3 --timeout=20 --continue --output-document="$2" "$1"; }
else
  echo "fetch_mnist.sh: neither curl nor wget is installed (Debian: apt-get install curl)." >&2
  exit 1
fi

is_right() { # FILE SHA256_OF_THE_CONTENT
  [ -f "$1" ] && [ "$(gzip --decompress --stdout "$1" 2>/dev/null | sha256sum | cut -d' ' -f1)" = "$2" ]
}

# Fetches one file from the first mirror that has it right; a partial file of an earlier attempt is continued once.
fetch() { # NAME SHA256_OF_THE_CONTENT
  local mirror part=$folder/$1.part
  for mirror in "${mirrors[@]}"; do
    echo "Fetching $mirror/$1"
    local had_part=0
    [ -f "$part" ] && had_part=1
    download "$mirror/$1" "$part"
    if ! is_right "$part" "$2" && [ "$had_part" = 1 ]; then
      rm -f "$part"
      download "$mirror/$1" "$part"
    fi
    if is_right "$part" "$2"; then
      mv "$part" "$folder/$1"
      return 0
    fi
    # A file that unpacks, or that is no gzip at all, is complete and wrong; one that breaks off may be continued.
    if [ -f "$part" ] && ! gzip --test "$part" 2>&1 | grep -q 'unexpected end of file'; then
      echo "  what this mirror sent is not the file expected (wrong checksum)" >&2
      rm -f "$part"
    fi
  done
  return 1
}

mkdir -p "$folder" || exit 1
for entry in "${files[@]}"; do
  read -r name sum <<<"$entry"
  if is_right "$folder/$name" "$sum"; then
    echo "$folder/$name is there."
  elif ! fetch "$name" "$sum"; then
    echo "fetch_mnist.sh: no mirror gave $name. Is this machine online? Run the script again to go on; or put the four" >&2
    echo "files of MNIST into $folder by other means and run it to verify them." >&2
    exit 1
  fi
done
echo "MNIST is complete in $folder."
