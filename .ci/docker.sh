# shellcheck shell=bash
# Sourced by .ci/run: a Docker engine with Compose, and base images, for the tests of containers.
# Without root, Debian, Go or Python, the missing part is reported, and these tests are skipped.

COMPOSE_VERSION=v2.40.3

# Without the services of the packages, which need an init system.
install_packages() { # NAME…
  local policy=/usr/sbin/policy-rc.d status=0
  if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy; fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"; } \
    >"$CACHE/apt.log" 2>&1 || status=1
  if [ -n "$policy" ]; then rm -f $policy; fi
  return $status
}

# Installs and starts Docker from Debian if no engine answers. stop_docker ends it. Images are kept in $CACHE/docker.
DOCKERD=
provide_docker() {
  mkdir -p "$CACHE"
  if timeout 20 docker version >/dev/null 2>&1; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo 'No Docker engine answers, and only root can install one: the tests of containers are skipped.'
    return 1
  fi
  install_packages docker.io iptables || {
    echo 'Docker could not be installed: the tests of containers are skipped.'
    return 1
  }
  # An engine that was killed leaves these files.
  rm -f "$CACHE/dockerd.pid" /var/run/docker/containerd/containerd.pid
  setsid dockerd --data-root "$CACHE/docker" --pidfile "$CACHE/dockerd.pid" >"$CACHE/dockerd.log" 2>&1 </dev/null &
  DOCKERD=$!
  for _ in $(seq 300); do
    if timeout 20 docker version >/dev/null 2>&1; then return; fi
    kill -0 "$DOCKERD" 2>/dev/null || break
    sleep 0.2
  done
  echo 'dockerd did not start: the tests of containers are skipped. Its last messages:'
  tail -5 "$CACHE/dockerd.log"
  return 1
}

stop_docker() {
  if [ -z "$DOCKERD" ]; then return; fi
  docker image prune --force >/dev/null # Images of earlier commits.
  kill "$DOCKERD" && wait "$DOCKERD" || true
}

# Builds the Compose plugin once per machine.
provide_compose() {
  if docker compose version >/dev/null 2>&1; then return; fi
  local program="$CACHE/compose-$COMPOSE_VERSION/docker-compose" plugins="${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"
  if [ ! -x "$program" ]; then
    command -v go >/dev/null || { echo 'Go is not installed: the tests of Compose are skipped.'; return 1; }
    local folder
    folder="$(mktemp -d "$CACHE/building.XXXXXX")"
    # `go install` rejects the module for its exclude lines, so another module requires it.
    printf 'module local/compose\n\ngo 1.25\n\nrequire github.com/docker/compose/v2 %s\n' $COMPOSE_VERSION >"$folder/go.mod"
    (cd "$folder" && go build -mod=mod -trimpath \
      -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$COMPOSE_VERSION" \
      -o docker-compose github.com/docker/compose/v2/cmd) ||
      { rm -rf "$folder"; echo 'Compose could not be built: its tests are skipped.'; return 1; }
    mkdir -p "$(dirname "$program")"
    mv -f "$folder/docker-compose" "$program"
    rm -rf "$folder"
  fi
  mkdir -p "$plugins"
  ln -sfn "$program" "$plugins/docker-compose"
}

has_image() { timeout 20 docker image inspect "$1" >/dev/null 2>&1; }

# Builds .ci/images/NAME as IMAGE with the folder CONTEXT, which the Dockerfile is copied to.
build_image() { # NAME IMAGE CONTEXT
  provide_debian || return 1
  cp -r ".ci/images/$1/." "$3"
  docker build --quiet --tag "$2" --build-arg "BASE=$DEBIAN" "$3" >"$CACHE/image.log" 2>&1 ||
    { cat "$CACHE/image.log"; return 1; }
}

# The base of the other images.
DEBIAN=sluice-ci/debian:bookworm
provide_debian() {
  if has_image $DEBIAN; then return; fi
  local context status=0
  context="$(mktemp -d "$CACHE/image.XXXXXX")"
  debian_image $DEBIAN "$context" || status=1
  rm -rf "$context"
  return $status
}

# A Debian with the certificates and package sources of this machine, so that builds can install packages here.
debian_image() { # IMAGE CONTEXT
  local root="$2/root" mirror file
  command -v debootstrap >/dev/null || install_packages debootstrap || return 1
  mirror="$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "bookworm" && !found++ { print $2 }')"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root" ${mirror:+"$mirror"} >"$CACHE/debootstrap.log" ||
    return 1
  rm -f "$root/etc/apt/sources.list"
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/keyrings/* /etc/pip.conf \
    /usr/local/share/ca-certificates/*.crt; do
    # Without addresses that contain a login.
    if [ -f "$file" ] && ! grep -q '://[^/ ]*@' "$file"; then cp --parents "$file" "$root"; fi
  done
  chroot "$root" update-ca-certificates >/dev/null 2>&1
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
  local ca=/etc/ssl/certs/ca-certificates.crt
  tar -C "$root" --numeric-owner --one-file-system -c . | docker import \
    -c 'CMD ["bash"]' -c "ENV NODE_EXTRA_CA_CERTS=$ca SSL_CERT_FILE=$ca PIP_CERT=$ca" - "$1" >/dev/null
}

# Node.js and npm of the npm registry on Debian.
node_image() { # IMAGE CONTEXT
  local arch=x64
  if [ "$(uname -m)" = aarch64 ]; then arch=arm64; fi
  npm install --prefix "$2" --ignore-scripts --no-audit --no-fund --silent "node-linux-$arch@24" npm@11
  mv "$2/node_modules/node-linux-$arch/bin/node" "$2/node_modules/npm" "$2/"
  rm -rf "$2/node_modules"
  printf 'cafile=/etc/ssl/certs/ca-certificates.crt\nregistry=%s\n' "$(npm config get registry)" >"$2/npmrc"
  build_image node "$1" "$2"
}

# Makes one base image that this machine does not have, under a name of its own: the TAG, and a hash of .ci/images/NAME
# and FILES, so that a change of them builds it again. SecantusDB is a substitute for MongoDB.
provide_image() { # VARIABLE OFFICIAL NAME TAG [FILE…]
  local variable="$1" official="$2" name="$3" tag="$4" own context
  shift 4
  if [ -n "${!variable:-}" ] || has_image "$official"; then return; fi
  own="sluice-ci/$name:$tag-$(cat ".ci/images/$name/"* "$@" | sha256sum | head -c 12)"
  if ! has_image "$own"; then
    context="$(mktemp -d "$CACHE/image.XXXXXX")"
    "${name}_image" "$own" "$context" || { rm -rf "$context"; echo "$own could not be built."; return 1; }
    rm -rf "$context"
  fi
  export "$variable=$own"
}

minio_image() { install -m 755 "$MINIO_PROGRAM" "$2/minio" && build_image minio "$1" "$2"; } # IMAGE CONTEXT
mongo_image() { build_image mongo "$1" "$2"; }
postgis_image() { build_image postgis "$1" "$2"; }

provide_images() {
  MINIO_PROGRAM="${MINIO_BIN:-$(command -v minio)}"
  provide_image NODE_IMAGE node:24-bookworm-slim node 24 &&
    provide_image POSTGIS_IMAGE postgis/postgis:15-3.3 postgis 15 &&
    provide_image MONGO_IMAGE mongo:8 mongo secantusdb &&
    provide_image MINIO_IMAGE quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z minio 1 "$MINIO_PROGRAM"
}
