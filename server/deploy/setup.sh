#!/usr/bin/env bash
# Makes a fresh machine (Ubuntu 22.04 or newer, such as an AWS t3.medium) run Sitecast: swap, Docker, upgrades, firewall, .env,
# docker compose up. Run it again as often as you like: what is as it should be stays as it is.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: server/deploy/setup.sh [OPTION]...   (as root, from a checkout of Sitecast)

  --domain NAME      serve https://NAME with a certificate of its own (profile tls); NAME must lead to this machine
  --mqtt-bind ADDR   address of this machine where agents and sensors come in (default: 127.0.0.1); MQTT is not encrypted,
                     so it should be that of a VPN or of a private network
  --mqtt-from CIDR   let this network through the firewall to MQTT, 1883 and 1884; may be repeated, and adds to the networks
                     of earlier runs
  --mqtts            let everybody through the firewall to 8883 and 8884, for a proxy of yours that ends TLS there
  --monitoring       Prometheus and Grafana as well (profile monitoring)
  --swap-mib N       size of /swapfile (default: 2048)
  --no-start         everything but docker compose up
  --dry-run          tell what would be done, and do nothing
  --root DIR         write files below DIR, and run no command of the system; for tests and images
  --help             this text

What an earlier run was given stays. To take a network or 8883 and 8884 back: ufw delete RULE, and remove the line of RULE from
/etc/sitecast/firewall.rules; a setting: edit .env.

Exit codes: 0 done, 1 failed, 64 wrong usage, 77 not root.
USAGE
}

DOMAIN='' MQTT_BIND='' VALUE='' SWAP_MIB=2048 ROOT=''
IS_DRY='' IS_MONITORED='' HAS_MQTTS='' STARTS=1
MQTT_FROM=()
CHANGES=0 IS_IN_PART=''
CHECKOUT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

wrong_usage() {
  printf 'setup.sh: %s; see --help\n' "$1" >&2
  exit 64
}

# Where each value ends up in a file or a rule of the firewall, so nothing but these characters gets in.
take_value() { # PATTERN OPTION [VALUE]...
  [ $# -ge 3 ] || wrong_usage "$2 wants a value"
  [[ $3 =~ ^$1$ ]] || wrong_usage "$2 does not take '$3'"
  VALUE=$3
}

parse_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      --domain) take_value '[a-z0-9-]+(\.[a-z0-9-]+)+' "$@" && DOMAIN=$VALUE && shift ;;
      --mqtt-bind) take_value '[0-9]+(\.[0-9]+){3}' "$@" && MQTT_BIND=$VALUE && shift ;;
      --mqtt-from) take_value '[0-9a-f.:]+(/[0-9]+)?' "$@" && MQTT_FROM+=("$VALUE") && shift ;;
      --swap-mib) take_value '[1-9][0-9]{1,5}' "$@" && SWAP_MIB=$VALUE && shift ;;
      --root) take_value '/.+' "$@" && ROOT=$VALUE && shift ;;
      --mqtts) HAS_MQTTS=1 ;;
      --monitoring) IS_MONITORED=1 ;;
      --no-start) STARTS='' ;;
      --dry-run) IS_DRY=1 ;;
      --help | -h) usage && exit 0 ;;
      *) wrong_usage "unknown option '$1'" ;;
    esac
    shift
  done
}

changed() {
  CHANGES=$((CHANGES + 1))
  printf '%s: %s\n' "${IS_DRY:+would }$1" "$2"
}

# Runs a command of the system, unless files are all that is asked for.
run() {
  if [ -n "$IS_DRY" ]; then
    printf 'would run: %s\n' "$*"
  elif [ -z "$ROOT" ]; then
    "$@"
  fi
}

# Whether commands of the system may be asked what there is.
is_live() { [ -z "$ROOT" ]; }

# Whether a file may be read, or is not there. One that may not be read is never taken for one that is not there.
may_read() { # PATH
  local path=$ROOT$1
  if [ -r "$path" ] || { [ ! -e "$path" ] && [ -x "$(nearest_folder "$path")" ]; }; then return 0; fi
  if [ -z "$IS_DRY" ]; then
    printf 'setup.sh: cannot read %s\n' "$1" >&2
    exit 1
  fi
  IS_IN_PART=1
  printf 'cannot read: %s; root can tell whether it would change\n' "$1"
  return 1
}

# The deepest folder of a path that there is, as far as may be seen.
nearest_folder() { # PATH
  local folder=$1
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  printf '%s' "$folder"
}

# Takes away what the mode of a file gives beyond MODE; what somebody has made stricter stays.
tighten() { # PATH MODE
  local mode
  mode=$(stat -c %a "$ROOT$1")
  if (((8#$mode & ~8#$2) == 0)); then return 0; fi
  changed chmod "$1 to $2"
  if [ -z "$IS_DRY" ]; then chmod "$2" "$ROOT$1"; fi
}

# Replaces a file at once, or not at all: its content comes from standard input.
write_file() { # PATH MODE
  local path=$ROOT$1 content
  content=$(cat)
  may_read "$1" || return 0
  if [ -f "$path" ] && [ "$(cat "$path")" = "$content" ]; then
    tighten "$1" "$2"
    return 0
  fi
  changed write "$1"
  [ -z "$IS_DRY" ] || return 0
  mkdir -p "$(dirname "$path")"
  (umask 077 && printf '%s\n' "$content" >"$path.new")
  chmod "$2" "$path.new"
  mv "$path.new" "$path"
}

add_swap() {
  if [ ! -f "$ROOT/swapfile" ]; then
    changed make "/swapfile of $SWAP_MIB MiB"
    if [ -z "$IS_DRY" ]; then
      mkdir -p "$ROOT/etc"
      # Without holes, which swapon refuses; below --root nobody swaps.
      if is_live; then
        (umask 077 && dd if=/dev/zero of=/swapfile.new bs=1M count="$SWAP_MIB" status=none)
        mkswap /swapfile.new >/dev/null
        mv /swapfile.new /swapfile
      else
        (umask 077 && truncate -s "${SWAP_MIB}M" "$ROOT/swapfile")
      fi
    fi
  fi
  local fstab=''
  if [ -f "$ROOT/etc/fstab" ]; then fstab=$(cat "$ROOT/etc/fstab"); fi
  if ! grep -qE '^/swapfile[[:space:]]' <<<"$fstab"; then
    write_file /etc/fstab 644 <<<"${fstab:+$fstab$'\n'}/swapfile none swap sw 0 0"
  fi
  if is_live && ! swapon --show=NAME --noheadings 2>/dev/null | grep -qx /swapfile; then run swapon /swapfile; fi
}

# Swap is for what sleeps. Redis makes a copy of itself to write its file, which needs memory that is promised twice.
tune_kernel() {
  local before=$CHANGES
  write_file /etc/sysctl.d/60-sitecast.conf 644 <<'CONF'
vm.swappiness = 10
vm.overcommit_memory = 1
CONF
  if [ "$CHANGES" -ne "$before" ]; then run sysctl --quiet --load /etc/sysctl.d/60-sitecast.conf; fi
}

install_packages() {
  is_live || return 0
  local wanted=(ufw unattended-upgrades) missing=() package
  # Docker of another source is as good.
  if ! docker compose version >/dev/null 2>&1; then wanted+=(docker.io docker-compose-v2 docker-buildx); fi
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  changed install "${missing[*]}"
  run apt-get update --quiet
  run env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${missing[@]}"
}

# Security updates by themselves, but no restart of the machine: that is for a person to choose.
enable_upgrades() {
  write_file /etc/apt/apt.conf.d/20auto-upgrades 644 <<'CONF'
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT::Periodic::AutocleanInterval "7";
CONF
  write_file /etc/apt/apt.conf.d/52sitecast-upgrades 644 <<'CONF'
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::Remove-Unused-Kernel-Packages "true";
CONF
}

# Only what this script writes: the words of a line become those of a command.
rules_of_earlier_runs() {
  local path=$ROOT/etc/sitecast/firewall.rules
  [ -f "$path" ] || return 0
  sed -nE 's/^ufw (allow proto tcp from [0-9a-f.:/]+ to any port 1883,1884|allow 8883,8884\/tcp)$/\1/p' "$path"
}

rules_asked_for() {
  local network
  for network in ${MQTT_FROM[@]+"${MQTT_FROM[@]}"}; do
    printf 'allow proto tcp from %s to any port 1883,1884\n' "$network"
  done
  if [ -n "$HAS_MQTTS" ]; then printf 'allow 8883,8884/tcp\n'; fi
}

# For what listens on the machine itself. Ports that Docker publishes pass ufw by: for them the addresses in .env count, and
# the security group of the machine. ufw keeps what an earlier run opened, so it stays in the file too.
raise_firewall() {
  local rules=('limit 22/tcp' 'allow 80/tcp' 'allow 443/tcp') rule
  may_read /etc/sitecast/firewall.rules || return 0
  while IFS= read -r rule; do
    if ! grep -qxF -- "$rule" <<<"$(printf '%s\n' "${rules[@]}")"; then rules+=("$rule"); fi
  done < <(rules_of_earlier_runs; rules_asked_for)
  write_file /etc/sitecast/firewall.rules 644 <<<"$(printf 'ufw %s\n' "${rules[@]}")"
  # ufw itself says "Skipping adding existing rule".
  for rule in "${rules[@]}"; do
    # shellcheck disable=SC2086 # a rule is words
    run ufw $rule
  done
  run ufw default deny incoming
  run ufw --force enable
}

random_hex() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# The value of KEY in the text of .env.
value_in() { # ENV KEY
  sed -n "s/^$2=//p" <<<"$1" | tail -n 1
}

with_value() { # ENV KEY VALUE
  local line is_there=''
  while IFS= read -r line; do
    if [[ $line == "$2="* ]]; then line=$2=$3 is_there=1; fi
    printf '%s\n' "$line"
  done <<<"$1"
  if [ -z "$is_there" ]; then printf '%s=%s\n' "$2" "$3"; fi
}

with_profile() { # ENV PROFILE
  local profiles
  profiles=$(value_in "$1" COMPOSE_PROFILES)
  if [[ ,$profiles, == *,$2,* ]]; then printf '%s\n' "$1"; else with_value "$1" COMPOSE_PROFILES "${profiles:+$profiles,}$2"; fi
}

# Secrets are made once; a setting changes only when an option says so.
write_settings() {
  local path=$CHECKOUT/.env env key secrets=(POSTGRES_PASSWORD REDIS_PASSWORD SESSION_SECRET METRICS_TOKEN)
  may_read "$path" || return 0
  env=$(cat "$ROOT$path" 2>/dev/null || printf '# Made by server/deploy/setup.sh; .env.example says what each is.')
  if [ -n "$IS_MONITORED" ]; then secrets+=(GRAFANA_PASSWORD); fi
  for key in "${secrets[@]}"; do
    if [ -z "$(value_in "$env" "$key")" ]; then env=$(with_value "$env" "$key" "$(random_hex)"); fi
  done
  if [ -n "$DOMAIN" ]; then
    env=$(with_value "$env" SITE_DOMAIN "$DOMAIN")
    env=$(with_value "$env" PUBLIC_URL "https://$DOMAIN")
    env=$(with_value "$env" TRUST_PROXY true)
    env=$(with_profile "$env" tls)
  fi
  if [ -n "$IS_MONITORED" ]; then env=$(with_profile "$env" monitoring); fi
  if [ -n "$MQTT_BIND" ]; then env=$(with_value "$env" MQTT_BIND "$MQTT_BIND"); fi
  write_file "$path" 600 <<<"$env"
}

start() {
  [ -n "$STARTS" ] || return 0
  run docker compose --project-directory "$CHECKOUT" up --detach --build --remove-orphans
}

main() {
  parse_arguments "$@"
  if is_live && [ -z "$IS_DRY" ] && [ "$(id -u)" -ne 0 ]; then
    printf 'setup.sh: must run as root\n' >&2
    exit 77
  fi
  install_packages
  add_swap
  tune_kernel
  enable_upgrades
  raise_firewall
  write_settings
  start
  local outcome='nothing to change'
  if [ "$CHANGES" -gt 0 ]; then outcome="${IS_DRY:+would be }changed: $CHANGES"; fi
  printf '%s\n' "$outcome${IS_IN_PART:+, as far as it may read}"
}

main "$@"
