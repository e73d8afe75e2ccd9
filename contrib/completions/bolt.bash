# bash completion for bolt. Its options are the ones of bolt's own table: a test compares them.

_bolt_containers() { bolt ps "$@" --format '{{.Names}}' 2>/dev/null; }
_bolt_images() { bolt images --format '{{if ne .Repository "<none>"}}{{.Repository}}:{{.Tag}}{{else}}{{.ID}}{{end}}' 2>/dev/null; }

# The options of a command; with "values", those among them that are followed by a value.
_bolt_options() {
    case $1 in
    attach) flags='--no-stdin --sig-proxy --help' values='--detach-keys' ;;
    create) flags='--init -i --interactive --read-only --rm -t --tty --help' values='--cap-add --cap-drop --cidfile --cpus --entrypoint -e --env --env-file -h --hostname -l --label -m --memory --mount --name --network --pids-limit --platform -p --publish --pull --restart --runtime --security-opt --stop-signal --stop-timeout --tmpfs -u --user --userns -v --volume -w --workdir' ;;
    exec) flags='-d --detach -i --interactive --privileged -t --tty --help' values='-e --env --env-file -u --user -w --workdir' ;;
    help) flags='--help' values='' ;;
    history) flags='-H --human --no-trunc -q --quiet --help' values='--format' ;;
    images) flags='-a --all --digests --no-trunc -q --quiet --help' values='-f --filter --format' ;;
    info) flags='--help' values='-f --format' ;;
    inspect) flags='--help' values='-f --format --type' ;;
    kill) flags='--help' values='-s --signal' ;;
    logs) flags='-f --follow -t --timestamps --help' values='--since -n --tail --until' ;;
    ps) flags='-a --all -l --latest --no-trunc -q --quiet --help' values='-f --filter --format -n --last' ;;
    pull) flags='-q --quiet --tls-verify --help' values='--authfile --platform' ;;
    restart) flags='--help' values='-s --signal -t --timeout' ;;
    rm) flags='-f --force -v --volumes --help' values='' ;;
    rmi) flags='-f --force --help' values='' ;;
    run) flags='-d --detach --init -i --interactive --read-only --rm --sig-proxy -t --tty --help' values='--cap-add --cap-drop --cidfile --cpus --detach-keys --entrypoint -e --env --env-file -h --hostname -l --label -m --memory --mount --name --network --pids-limit --platform -p --publish --pull --restart --runtime --security-opt --stop-signal --stop-timeout --tmpfs -u --user --userns -v --volume -w --workdir' ;;
    start) flags='-a --attach -i --interactive --sig-proxy --help' values='--detach-keys' ;;
    stop) flags='--help' values='-s --signal -t --timeout' ;;
    tag) flags='--help' values='' ;;
    untag) flags='--help' values='' ;;
    version) flags='--help' values='-f --format' ;;
    wait) flags='--help' values='' ;;
    *) flags='' values='' ;;
    esac
}

_bolt_value() {
    case $1:$2 in
    create:--cidfile|create:--env-file|create:--runtime|create:--volume | \
    create:-v|exec:--env-file|pull:--authfile|run:--cidfile | \
    run:--env-file|run:--runtime|run:--volume|run:-v) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
    create:--network|run:--network) COMPREPLY=($(compgen -W 'none host pasta' -- "$cur")) ;;
    create:--pull|run:--pull) COMPREPLY=($(compgen -W 'missing always never' -- "$cur")) ;;
    create:--restart|run:--restart) COMPREPLY=($(compgen -W 'no on-failure always unless-stopped' -- "$cur")) ;;
    create:--userns|run:--userns) COMPREPLY=($(compgen -W 'host keep-id auto' -- "$cur")) ;;
    images:--filter|images:-f) COMPREPLY=($(compgen -W 'dangling= label= before= since= reference=' -- "$cur")); compopt -o nospace 2>/dev/null ;;
    history:--format|images:--format|ps:--format) COMPREPLY=($(compgen -W 'table json' -- "$cur")) ;;
    info:--format|info:-f|inspect:--format|inspect:-f | \
    version:--format|version:-f) COMPREPLY=($(compgen -W 'json' -- "$cur")) ;;
    inspect:--type) COMPREPLY=($(compgen -W 'container image' -- "$cur")) ;;
    kill:--signal|kill:-s) COMPREPLY=($(compgen -W 'HUP INT KILL QUIT TERM USR1 USR2' -- "$cur")) ;;
    ps:--filter|ps:-f) COMPREPLY=($(compgen -W 'id= name= label= status= exited= ancestor= before= since= volume= network=' -- "$cur")); compopt -o nospace 2>/dev/null ;;
    esac
}

_bolt() {
    local cur prev command='' word='' flags='' values='' i arguments=0
    COMPREPLY=()
    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD-1]}
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W 'attach create exec help history images info inspect kill logs ps pull restart rm rmi run start stop tag untag version wait container image system --help --version' -- "$cur"))
        return
    fi
    command=${COMP_WORDS[1]}
    i=2
    case $command in
    container)
        if ((COMP_CWORD == 2)); then
            COMPREPLY=($(compgen -W 'attach create exec inspect kill list logs ls ps remove restart rm run start stop wait' -- "$cur"))
            return
        fi
        command=${COMP_WORDS[2]}
        i=3
        ;;
    image)
        if ((COMP_CWORD == 2)); then
            COMPREPLY=($(compgen -W 'history inspect list ls pull remove rm tag untag' -- "$cur"))
            return
        fi
        command=${COMP_WORDS[2]}
        i=3
        ;;
    system)
        if ((COMP_CWORD == 2)); then
            COMPREPLY=($(compgen -W 'info' -- "$cur"))
            return
        fi
        command=${COMP_WORDS[2]}
        i=3
        ;;
    esac
    case ${COMP_WORDS[1]}:$command in
    container:ls | container:list) command=ps ;;
    container:remove) command=rm ;;
    image:ls | image:list) command=images ;;
    image:rm | image:remove) command=rmi ;;
    esac
    _bolt_options "$command"
    for (( ; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        -*) [[ " $values " == *" $word "* ]] && ((i++)) ;;
        *) ((arguments++)) ;;
        esac
    done
    if [[ " $values " == *" $prev "* ]]; then
        _bolt_value "$command" "$prev"
        return
    fi
    # What follows the image, or the container of exec, is a command of its own.
    case $command:$arguments in
    run:0 | create:0 | exec:0) ;;
    run:* | create:* | exec:*) return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags $values" -- "$cur"))
        return
    fi
    case $command in
    attach | exec | kill | stop | wait) COMPREPLY=($(compgen -W "$(_bolt_containers)" -- "$cur")) ;;
    create | history | images | pull | rmi | run | tag | untag) COMPREPLY=($(compgen -W "$(_bolt_images)" -- "$cur")) ;;
    help) COMPREPLY=($(compgen -W 'attach create exec help history images info inspect kill logs ps pull restart rm rmi run start stop tag untag version wait' -- "$cur")) ;;
    logs | restart | rm) COMPREPLY=($(compgen -W "$(_bolt_containers -a)" -- "$cur")) ;;
    inspect) COMPREPLY=($(compgen -W "$(_bolt_containers -a) $(_bolt_images)" -- "$cur")) ;;
    start) COMPREPLY=($(compgen -W "$(_bolt_containers --filter status=exited --filter status=created)" -- "$cur")) ;;
    esac
    # ':' parts words for readline; what stands before it in an image's name is there already.
    [[ $(type -t __ltrim_colon_completions) == function ]] && __ltrim_colon_completions "$cur"
}

complete -F _bolt bolt
