# shellcheck shell=bash
# Sourced by `run`: provides the programs of a Kubernetes API server once per machine, for the tests that apply the
# overlays to it. Without them, these tests are skipped with a message.

KUBERNETES_VERSION=1.34.4

provide_kubernetes() {
  local folder="$CACHE/kubernetes-$KUBERNETES_VERSION" program
  # Schemas of Knative and OpenFaaS, which are not part of this repository.
  if [ -z "${KUBERNETES_CRDS:-}" ] && [ -d ../shared/crds ]; then
    KUBERNETES_CRDS="$(cd ../shared/crds && pwd)"
    export KUBERNETES_CRDS
  fi
  provide_etcd || return 0
  for program in kube-apiserver kubectl; do
    if command -v "$program" >/dev/null || [ -x "$folder/$program" ]; then continue; fi
    if ! command -v go >/dev/null || ! build_kubernetes "$program" "$folder"; then
      echo "$program could not be built: the tests that need a Kubernetes API server are skipped."
      return
    fi
  done
  export PATH="$PATH:$folder"
}

# Unpacks etcd from Debian's package, because its installation would start a service.
provide_etcd() {
  local folder="$CACHE/etcd" package
  if command -v etcd >/dev/null; then return; fi
  if [ ! -x "$folder/usr/bin/etcd" ]; then
    package="$(mktemp -d)"
    if ! { (cd "$package" && apt-get download --quiet etcd-server) &&
      mkdir -p "$CACHE" && dpkg-deb --extract "$package"/etcd-server_*.deb "$folder"; }; then
      echo 'etcd could not be downloaded: the tests that need a Kubernetes API server are skipped.'
      rm -rf "$package"
      return 1
    fi
    rm -rf "$package"
  fi
  export PATH="$PATH:$folder/usr/bin"
}

# build_kubernetes PROGRAM FOLDER. The go.mod of Kubernetes refers to parts in folders of its repository (staging),
# which are also published as modules with the version 0.MINOR.PATCH. The module written here refers to these.
build_kubernetes() {
  local source flags building
  building="$(mktemp -d)"
  flags="-s -w -X k8s.io/component-base/version.gitVersion=v$KUBERNETES_VERSION"
  flags="$flags -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34"
  if (
    cd "$building"
    source="$(go mod download -json "k8s.io/kubernetes@v$KUBERNETES_VERSION" | sed -n 's/.*"GoMod": "\(.*\)",*/\1/p')"
    {
      printf 'module local/kubernetes\n\ngo 1.24\n\nrequire k8s.io/kubernetes v%s\n\n' "$KUBERNETES_VERSION"
      sed -n "s|^\s*\(k8s.io/[a-z-]*\) => ./staging/.*|replace \1 => \1 v0.${KUBERNETES_VERSION#1.}|p" "$source"
    } >go.mod
    GOFLAGS=-modcacherw go build -mod=mod -trimpath -ldflags "$flags" -o built "k8s.io/kubernetes/cmd/$1"
  ); then
    # Moved to its place after the build, so that an interrupted build leaves no partial program.
    mkdir -p "$2"
    mv -f "$building/built" "$2/$1"
    rm -rf "$building"
  else
    rm -rf "$building"
    return 1
  fi
}
