# Sourced by ./run, ./test and bench/run: saying things, installing packages, building.

FAIRLEAD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FAIRLEAD_LISTS=$FAIRLEAD_ROOT/scripts/packages

say() { printf '%s\n' "$*" >&2; }

# fail CAUSE NEXT_STEP...
fail() {
  say "$(basename "$0"): $1"
  shift
  [ $# = 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

# ensure_packages LIST...: installs what is missing of scripts/packages/LIST.txt. Where nothing is, it takes
# milliseconds and needs neither network nor root.
ensure_packages() {
  local files=("${@/#/$FAIRLEAD_LISTS/}") names missing
  files=("${files[@]/%/.txt}")
  if ! command -v dpkg-query >/dev/null; then
    fail "this is not a Debian system, so nothing can be installed for you." \
      "Install the equivalents of what ${files[*]} name, then build with cmake --preset release."
  fi
  names=$(sed 's/#.*//; s/ .*//; /^$/d' "${files[@]}" | unless_command | sort -u)
  missing=$(comm -23 <(echo "$names") \
    <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | sort -u))
  [ -z "$missing" ] || install_packages "$missing" "${files[@]}"
}

# Of "package/command" the package, where the command is not there yet, from wherever; other names as they are.
unless_command() {
  local name
  while read -r name; do
    [ "$name" != "${name#*/}" ] && command -v "${name#*/}" >/dev/null || echo "${name%%/*}"
  done
}

# install_packages NAMES FILE...: the files say what each is for.
install_packages() {
  local names as_root=() log name
  names=$(echo $1)
  shift
  say "Installing from Debian, once:"
  for name in $names; do
    awk -v name="$name" '{ package = $1; sub(/\/.*/, "", package) } package == name { $1 = ""; printf "  %-24s%s\n", name, $0; exit }' "$@" >&2
  done
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "installing needs root, and there is no sudo here." \
      "As root: apt-get install --no-install-recommends $names"
    say "This needs root; sudo may ask for your password."
    sudo -v || fail "sudo refused." "As root: apt-get install --no-install-recommends $names"
    as_root=(sudo -n)
  fi
  # Progress comes on a descriptor of its own, opened inside sudo, which passes on none but the first three.
  as_root+=(env DEBIAN_FRONTEND=noninteractive bash -c 'exec apt-get "$@" 3>&1' apt-get
    -q -y -o APT::Status-Fd=3 -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
  log=$(mktemp)
  if ! "${as_root[@]}" update >"$log" 2>&1 </dev/null; then
    tail -5 "$log" >&2
    fail "apt-get update failed. Is this machine connected to the network?" "Whole output: $log"
  fi
  # A source that cannot be reached is only a warning to apt-get; it matters if a package is then not found.
  if ! "${as_root[@]}" install --no-install-recommends $names 2>&1 </dev/null |
      tee "$log" | show_apt_progress; then
    grep -v -E '^(pm|dl)status:' "$log" | tail -5 >&2
    fail "apt-get could not install them. Is this machine connected to the network?" "Whole output: $log"
  fi
  rm -f "$log"
}

# Reads apt-get's status lines ("pmstatus:clang-19:41.2353:Unpacking clang-19"): one moving line on a terminal, a line
# every ten per cent elsewhere.
show_apt_progress() {
  local line phase percent shown=""
  while IFS= read -r line; do
    [[ $line =~ ^(pm|dl)status:.*:([0-9]+)[0-9.]*:(.*)$ ]] || continue
    phase=${BASH_REMATCH[1]} percent=${BASH_REMATCH[2]}
    if [ "$phase" = dl ]; then phase=downloading; else phase=installing; fi
    if [ -t 2 ]; then
      printf '\r\033[K  %s %s %%  %s' "$phase" "$percent" "${BASH_REMATCH[3]:0:60}" >&2
    elif [ "$phase $((percent / 10))" != "$shown" ]; then
      shown="$phase $((percent / 10))"
      say "  $phase $percent %"
    fi
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
}

# build PRESET TARGET...: configures once, then builds what changed; says nothing where nothing did.
build() {
  local preset=$1 folder=$FAIRLEAD_ROOT/build/$1 log
  shift
  cd "$FAIRLEAD_ROOT"
  log=$folder/configure.log
  if [ ! -f "$folder/build.ninja" ]; then
    mkdir -p "$folder"
    say "Configuring ($preset)"
    if ! cmake --preset "$preset" >"$log" 2>&1; then
      tail -30 "$log" >&2
      fail "cmake could not configure the $preset build." "Whole output: $log"
    fi
  fi
  NINJA_STATUS='[%f/%t %es] ' ninja -C "$folder" "$@" 2>&1 | show_build_progress "$preset" ||
    fail "the $preset build failed; the compiler's message stands above."
}

# Reads ninja's lines: progress as above, and whatever a compiler says; nothing where there was nothing to do.
show_build_progress() {
  local line done all shown=-1
  while IFS= read -r line; do
    case $line in
      "ninja: Entering directory"* | "ninja: no work to do." | *"] Re-checking globbed directories..." | "-- "*) ;;
      "["*/*" "*s"] "*)
        done=${line%%/*} done=${done#[} all=${line#*/} all=${all%% *}
        if [ -t 2 ]; then
          printf '\r\033[K  building %s: %s' "$1" "${line:0:100}" >&2
        elif [ $((done * 10 / all)) != "$shown" ]; then
          shown=$((done * 10 / all))
          say "  building $1: ${line%%]*}]"
        fi
        ;;
      *) [ ! -t 2 ] || printf '\r\033[K' >&2; say "$line" ;;
    esac
  done
  [ ! -t 2 ] || printf '\r\033[K' >&2
}
