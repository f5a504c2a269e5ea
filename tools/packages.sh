# SPDX-License-Identifier: Apache-2.0
#
# Installing what is missing, for quickstart.sh and test.sh, which source this file.

# lacks_command PACKAGE COMMAND: prints the package where the command is missing. It may come from
# elsewhere than the package, so the command is what counts.
lacks_command() {
    command -v "$2" >/dev/null 2>&1 || echo "$1"
}

# lacks_package PACKAGE: the same for what has no command, as libraries.
lacks_package() {
    case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) in
    *' installed') ;;
    *) echo "$1" ;;
    esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

apt() {
    as_root apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@"
}

# install PACKAGE...: three attempts, since mirrors come and go.
install() {
    if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
        echo "cannot install: $*" >&2
        echo "run this as root, or run \`sudo -v\` first, or have those packages installed" >&2
        return 1
    fi
    for attempt in 1 2 3; do
        if apt update && apt install -y --no-install-recommends "$@"; then
            return 0
        fi
        echo "attempt $attempt failed"
        sleep $((attempt * 5))
    done
    return 1
}
