# bash completion for bolt-oci
_bolt_oci() {
    local word=${COMP_WORDS[COMP_CWORD]} command= i
    local commands="create start run exec state list kill delete spec features"
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --root | --log | --log-format | --cgroup-manager | --rootless) ((i++)) ;;
            -*) ;;
            *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    local options
    case $command in
        "") options="--root --log --log-format --debug --systemd-cgroup --cgroup-manager --rootless --version --help" ;;
        create) options="--bundle --console-socket --pid-file --preserve-fds --no-pivot --no-new-keyring --help" ;;
        run) options="--bundle --console-socket --pid-file --preserve-fds --no-pivot --no-new-keyring --detach --no-subreaper --keep --help" ;;
        exec) options="--process --tty --detach --env --user --additional-gids --cwd --cap --no-new-privs --apparmor --process-label --console-socket --pid-file --preserve-fds --help" ;;
        list) options="--quiet --format --help" ;;
        kill) options="--all --help" ;;
        delete) options="--force --help" ;;
        spec) options="--bundle --rootless --help" ;;
        *) options="--help" ;;
    esac
    case ${COMP_WORDS[COMP_CWORD - 1]} in
        --bundle | -b | --root | --log | --console-socket | --pid-file | --process | -p) COMPREPLY=($(compgen -f -- "$word")); return ;;
        --log-format) COMPREPLY=($(compgen -W "text json" -- "$word")); return ;;
        --cgroup-manager) COMPREPLY=($(compgen -W "cgroupfs disabled" -- "$word")); return ;;
        --format | -f) [ "$command" = list ] && { COMPREPLY=($(compgen -W "table json" -- "$word")); return; } ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    elif [ -z "$command" ]; then
        COMPREPLY=($(compgen -W "$commands" -- "$word"))
    else
        case $command in
            start | exec | state | kill | delete) COMPREPLY=($(compgen -W "$(bolt-oci list --quiet 2>/dev/null)" -- "$word")) ;;
        esac
    fi
}
complete -F _bolt_oci bolt-oci
