#compdef bolt
# zsh completion for bolt. Its options are the ones of bolt's own table: a test compares them.

_bolt_containers() {
    local -a names
    names=(${(f)"$(bolt ps "$@" --format '{{.Names}}' 2>/dev/null)"})
    compadd -a names
}
_bolt_all_containers() { _bolt_containers -a }
_bolt_running_containers() { _bolt_containers }
_bolt_stopped_containers() { _bolt_containers --filter status=exited --filter status=created }
_bolt_images() {
    local -a names
    names=(${(f)"$(bolt images --format '{{if ne .Repository "<none>"}}{{.Repository}}:{{.Tag}}{{else}}{{.ID}}{{end}}' 2>/dev/null)"})
    compadd -a names
}
_bolt_objects() { _bolt_all_containers; _bolt_images }

_bolt_command() {
    case $1 in
    attach)
        _arguments -s \
            '--detach-keys=[Override the key sequence for detaching a container]:string: ' \
            '--no-stdin[Do not attach STDIN]' \
            '--sig-proxy[Proxy received signals to the process (default true)]' \
            '--help[Print usage]' \
            '*:name:_bolt_running_containers'
        ;;
    create)
        _arguments -s \
            '*--cap-add=[Add Linux capabilities]:list: ' \
            '*--cap-drop=[Drop Linux capabilities]:list: ' \
            '--cidfile=[Write the container ID to the file]:string:_files' \
            '--cpus=[Number of CPUs]:decimal: ' \
            '--entrypoint=[Overwrite the default ENTRYPOINT of the image]:string: ' \
            '*--env=[Set environment variables]:list: ' \
            '*-e+[Set environment variables]:list: ' \
            '*--env-file=[Read in a file of environment variables]:list:_files' \
            '--hostname=[Container host name]:string: ' \
            '-h+[Container host name]:string: ' \
            '--init[Run an init inside the container that forwards signals and reaps processes]' \
            '--interactive[Keep STDIN open even if not attached]' \
            '-i[Keep STDIN open even if not attached]' \
            '*--label=[Set meta data on a container]:list: ' \
            '*-l+[Set meta data on a container]:list: ' \
            '--memory=[Memory limit]:bytes: ' \
            '-m+[Memory limit]:bytes: ' \
            '*--mount=[Attach a filesystem mount to the container\: type=bind|volume|tmpfs,source=…,target=…\[,readonly\]]:mount: ' \
            '--name=[Assign a name to the container]:string: ' \
            '--network=[Connect the container to a network\: pasta (default), host or none]:network:(none host pasta)' \
            '--pids-limit=[Tune container pids limit (set -1 for unlimited)]:int: ' \
            '--platform=[Choose the image for this platform, such as linux/arm64]:string: ' \
            '*--publish=[Publish a container'\''s port(s) to the host]:list: ' \
            '*-p+[Publish a container'\''s port(s) to the host]:list: ' \
            '--pull=[Pull image before running\: missing (default), always or never]:string:(missing always never)' \
            '--read-only[Mount the container'\''s root filesystem as read only]' \
            '--restart=[Restart policy to apply when a container exits\: no (default), on-failure\[\:N\], always or unless-stopped]:string:(no on-failure always unless-stopped)' \
            '--rm[Automatically remove the container and its associated anonymous volumes when it exits]' \
            '--runtime=[OCI runtime to use for this container instead of bolt'\''s own]:path:_files' \
            '*--security-opt=[Security options\: seccomp=unconfined|FILE, no-new-privileges, mask=PATH, unmask=PATH|ALL]:list: ' \
            '--stop-signal=[Signal to stop the container]:string: ' \
            '--stop-timeout=[Timeout (in seconds) to stop a container]:int: ' \
            '*--tmpfs=[Mount a tmpfs directory]:list: ' \
            '--tty[Allocate a pseudo-TTY]' \
            '-t[Allocate a pseudo-TTY]' \
            '--user=[Username or UID (format\: <name|uid>\[\:<group|gid>\])]:string: ' \
            '-u+[Username or UID (format\: <name|uid>\[\:<group|gid>\])]:string: ' \
            '--userns=[User namespace to use\: host (default), keep-id or auto]:string:(host keep-id auto)' \
            '*--volume=[Bind mount a volume]:list:_files' \
            '*-v+[Bind mount a volume]:list:_files' \
            '--workdir=[Working directory inside the container]:string: ' \
            '-w+[Working directory inside the container]:string: ' \
            '--help[Print usage]' \
            '1:image:_bolt_images' \
            '*::command:_normal'
        ;;
    exec)
        _arguments -s \
            '--detach[Detached mode\: run command in the background]' \
            '-d[Detached mode\: run command in the background]' \
            '*--env=[Set environment variables]:list: ' \
            '*-e+[Set environment variables]:list: ' \
            '*--env-file=[Read in a file of environment variables]:list:_files' \
            '--interactive[Keep STDIN open even if not attached]' \
            '-i[Keep STDIN open even if not attached]' \
            '--privileged[Give extended privileges to the command]' \
            '--tty[Allocate a pseudo-TTY]' \
            '-t[Allocate a pseudo-TTY]' \
            '--user=[Username or UID (format\: <name|uid>\[\:<group|gid>\])]:string: ' \
            '-u+[Username or UID (format\: <name|uid>\[\:<group|gid>\])]:string: ' \
            '--workdir=[Working directory inside the container]:string: ' \
            '-w+[Working directory inside the container]:string: ' \
            '--help[Print usage]' \
            '1:container:_bolt_running_containers' \
            '*::command:_normal'
        ;;
    help)
        _arguments -s \
            '--help[Print usage]' \
            '*:name:(attach create exec help history images info inspect kill logs ps pull restart rm rmi run start stop tag untag version wait)'
        ;;
    history)
        _arguments -s \
            '--format=[Format output\: '\''table'\'', '\''table TEMPLATE'\'', '\''json'\'', or a Go template such as '\''{{.CreatedBy}}'\'']:string:(table json)' \
            '--human[Print sizes and dates in human readable format (default true)]' \
            '-H[Print sizes and dates in human readable format (default true)]' \
            '--no-trunc[Don'\''t truncate output]' \
            '--quiet[Only show image IDs]' \
            '-q[Only show image IDs]' \
            '--help[Print usage]' \
            '1:name:_bolt_images'
        ;;
    images)
        _arguments -s \
            '--all[Show all images (bolt keeps no intermediate ones)]' \
            '-a[Show all images (bolt keeps no intermediate ones)]' \
            '--digests[Show digests]' \
            '*--filter=[Filter output\: dangling, label, before, since or reference, as KEY=VALUE]:filter:(dangling= label= before= since= reference=)' \
            '*-f+[Filter output\: dangling, label, before, since or reference, as KEY=VALUE]:filter:(dangling= label= before= since= reference=)' \
            '--format=[Format output\: '\''table'\'', '\''table TEMPLATE'\'', '\''json'\'', or a Go template such as '\''{{.Repository}}'\'']:string:(table json)' \
            '--no-trunc[Don'\''t truncate output]' \
            '--quiet[Only show image IDs]' \
            '-q[Only show image IDs]' \
            '--help[Print usage]' \
            '*:name:_bolt_images'
        ;;
    info)
        _arguments -s \
            '--format=[Format output\: '\''json'\'', or a Go template such as '\''{{.Client.Version}}'\'']:string:(json)' \
            '-f+[Format output\: '\''json'\'', or a Go template such as '\''{{.Client.Version}}'\'']:string:(json)' \
            '--help[Print usage]'
        ;;
    inspect)
        _arguments -s \
            '--format=[Format output\: '\''json'\'', or a Go template such as '\''{{.State.Status}}'\'']:string:(json)' \
            '-f+[Format output\: '\''json'\'', or a Go template such as '\''{{.State.Status}}'\'']:string:(json)' \
            '--type=[Only inspect objects of the given type\: container or image]:string:(container image)' \
            '--help[Print usage]' \
            '*:name:_bolt_objects'
        ;;
    kill)
        _arguments -s \
            '--signal=[Signal to send to the container (default "KILL")]:string:(HUP INT KILL QUIT TERM USR1 USR2)' \
            '-s+[Signal to send to the container (default "KILL")]:string:(HUP INT KILL QUIT TERM USR1 USR2)' \
            '--help[Print usage]' \
            '*:name:_bolt_running_containers'
        ;;
    logs)
        _arguments -s \
            '--follow[Follow log output]' \
            '-f[Follow log output]' \
            '--since=[Show logs since timestamp (e.g. "2013-01-02T13\:23\:37Z") or relative (e.g. "42m" for 42 minutes)]:string: ' \
            '--tail=[Number of lines to show from the end of the logs (default "all")]:string: ' \
            '-n+[Number of lines to show from the end of the logs (default "all")]:string: ' \
            '--timestamps[Show timestamps]' \
            '-t[Show timestamps]' \
            '--until=[Show logs before a timestamp (e.g. "2013-01-02T13\:23\:37Z") or relative (e.g. "42m" for 42 minutes)]:string: ' \
            '--help[Print usage]' \
            '*:name:_bolt_all_containers'
        ;;
    ps)
        _arguments -s \
            '--all[Show all containers (default shows just running)]' \
            '-a[Show all containers (default shows just running)]' \
            '*--filter=[Filter output\: id, name, label, status, exited, ancestor, before, since, volume or network, as KEY=VALUE]:filter:(id= name= label= status= exited= ancestor= before= since= volume= network=)' \
            '*-f+[Filter output\: id, name, label, status, exited, ancestor, before, since, volume or network, as KEY=VALUE]:filter:(id= name= label= status= exited= ancestor= before= since= volume= network=)' \
            '--format=[Format output\: '\''table'\'', '\''table TEMPLATE'\'', '\''json'\'', or a Go template such as '\''{{.Names}}'\'']:string:(table json)' \
            '--last=[Show n last created containers (includes all states)]:int: ' \
            '-n+[Show n last created containers (includes all states)]:int: ' \
            '--latest[Show the latest created container (includes all states)]' \
            '-l[Show the latest created container (includes all states)]' \
            '--no-trunc[Don'\''t truncate output]' \
            '--quiet[Only display container IDs]' \
            '-q[Only display container IDs]' \
            '--help[Print usage]'
        ;;
    pull)
        _arguments -s \
            '--authfile=[Read the registry'\''s login from this file]:file:_files' \
            '--platform=[Pull the image for this platform, such as linux/arm64]:string: ' \
            '--quiet[Suppress verbose output]' \
            '-q[Suppress verbose output]' \
            '--tls-verify[Require HTTPS and verify the registry'\''s certificate (default true)]' \
            '--help[Print usage]' \
            '*:name:_bolt_images'
        ;;
    restart)
        _arguments -s \
            '--signal=[Signal to send to the container]:string: ' \
            '-s+[Signal to send to the container]:string: ' \
            '--timeout=[Seconds to wait before killing the container]:int: ' \
            '-t+[Seconds to wait before killing the container]:int: ' \
            '--help[Print usage]' \
            '*:name:_bolt_all_containers'
        ;;
    rm)
        _arguments -s \
            '--force[Force the removal of a running container (uses SIGKILL)]' \
            '-f[Force the removal of a running container (uses SIGKILL)]' \
            '--volumes[Remove anonymous volumes associated with the container]' \
            '-v[Remove anonymous volumes associated with the container]' \
            '--help[Print usage]' \
            '*:name:_bolt_all_containers'
        ;;
    rmi)
        _arguments -s \
            '--force[Force removal of the image]' \
            '-f[Force removal of the image]' \
            '--help[Print usage]' \
            '*:name:_bolt_images'
        ;;
    run)
        _arguments -s \
            '*--cap-add=[Add Linux capabilities]:list: ' \
            '*--cap-drop=[Drop Linux capabilities]:list: ' \
            '--cidfile=[Write the container ID to the file]:string:_files' \
            '--cpus=[Number of CPUs]:decimal: ' \
            '--detach[Run container in background and print container ID]' \
            '-d[Run container in background and print container ID]' \
            '--detach-keys=[Override the key sequence for detaching a container (default "ctrl-p,ctrl-q")]:string: ' \
            '--entrypoint=[Overwrite the default ENTRYPOINT of the image]:string: ' \
            '*--env=[Set environment variables]:list: ' \
            '*-e+[Set environment variables]:list: ' \
            '*--env-file=[Read in a file of environment variables]:list:_files' \
            '--hostname=[Container host name]:string: ' \
            '-h+[Container host name]:string: ' \
            '--init[Run an init inside the container that forwards signals and reaps processes]' \
            '--interactive[Keep STDIN open even if not attached]' \
            '-i[Keep STDIN open even if not attached]' \
            '*--label=[Set meta data on a container]:list: ' \
            '*-l+[Set meta data on a container]:list: ' \
            '--memory=[Memory limit]:bytes: ' \
            '-m+[Memory limit]:bytes: ' \
            '*--mount=[Attach a filesystem mount to the container\: type=bind|volume|tmpfs,source=…,target=…\[,readonly\]]:mount: ' \
            '--name=[Assign a name to the container]:string: ' \
            '--network=[Connect the container to a network\: pasta (default), host or none]:network:(none host pasta)' \
            '--pids-limit=[Tune container pids limit (set -1 for unlimited)]:int: ' \
            '--platform=[Choose the image for this platform, such as linux/arm64]:string: ' \
            '*--publish=[Publish a container'\''s port(s) to the host]:list: ' \
            '*-p+[Publish a container'\''s port(s) to the host]:list: ' \
            '--pull=[Pull image before running\: missing (default), always or never]:string:(missing always never)' \
            '--read-only[Mount the container'\''s root filesystem as read only]' \
            '--restart=[Restart policy to apply when a container exits\: no (default), on-failure\[\:N\], always or unless-stopped]:string:(no on-failure always unless-stopped)' \
            '--rm[Automatically remove the container and its associated anonymous volumes when it exits]' \
            '--runtime=[OCI runtime to use for this container instead of bolt'\''s own]:path:_files' \
            '*--security-opt=[Security options\: seccomp=unconfined|FILE, no-new-privileges, mask=PATH, unmask=PATH|ALL]:list: ' \
            '--sig-proxy[Proxy received signals to the process (default true)]' \
            '--stop-signal=[Signal to stop the container]:string: ' \
            '--stop-timeout=[Timeout (in seconds) to stop a container]:int: ' \
            '*--tmpfs=[Mount a tmpfs directory]:list: ' \
            '--tty[Allocate a pseudo-TTY]' \
            '-t[Allocate a pseudo-TTY]' \
            '--user=[Username or UID (format\: <name|uid>\[\:<group|gid>\])]:string: ' \
            '-u+[Username or UID (format\: <name|uid>\[\:<group|gid>\])]:string: ' \
            '--userns=[User namespace to use\: host (default), keep-id or auto]:string:(host keep-id auto)' \
            '*--volume=[Bind mount a volume]:list:_files' \
            '*-v+[Bind mount a volume]:list:_files' \
            '--workdir=[Working directory inside the container]:string: ' \
            '-w+[Working directory inside the container]:string: ' \
            '--help[Print usage]' \
            '1:image:_bolt_images' \
            '*::command:_normal'
        ;;
    start)
        _arguments -s \
            '--attach[Attach STDOUT/STDERR and forward signals]' \
            '-a[Attach STDOUT/STDERR and forward signals]' \
            '--detach-keys=[Override the key sequence for detaching a container]:string: ' \
            '--interactive[Attach container'\''s STDIN]' \
            '-i[Attach container'\''s STDIN]' \
            '--sig-proxy[Proxy received signals to the process (default true)]' \
            '--help[Print usage]' \
            '*:name:_bolt_stopped_containers'
        ;;
    stop)
        _arguments -s \
            '--signal=[Signal to send to the container]:string: ' \
            '-s+[Signal to send to the container]:string: ' \
            '--timeout=[Seconds to wait before killing the container]:int: ' \
            '-t+[Seconds to wait before killing the container]:int: ' \
            '--help[Print usage]' \
            '*:name:_bolt_running_containers'
        ;;
    tag | untag)
        _arguments -s \
            '--help[Print usage]' \
            '*:name:_bolt_images'
        ;;
    version)
        _arguments -s \
            '--format=[Format output\: '\''json'\'', or a Go template such as '\''{{.Client.Version}}'\'']:string:(json)' \
            '-f+[Format output\: '\''json'\'', or a Go template such as '\''{{.Client.Version}}'\'']:string:(json)' \
            '--help[Print usage]'
        ;;
    wait)
        _arguments -s \
            '--help[Print usage]' \
            '*:name:_bolt_running_containers'
        ;;
    esac
}

_bolt() {
    local -a commands
    commands=(
        'attach:Attach local standard input, output, and error streams to a running container'
        'create:Create a new container'
        'exec:Execute a command in a running container'
        'help:Help about a command'
        'history:Show the steps that made an image'
        'images:List images'
        'info:Display system-wide information'
        'inspect:Return low-level information on containers and images'
        'kill:Kill one or more running containers'
        'logs:Fetch the logs of a container'
        'ps:List containers'
        'pull:Download an image from a registry'
        'restart:Restart one or more containers'
        'rm:Remove one or more containers'
        'rmi:Remove one or more images'
        'run:Create and run a new container from an image'
        'start:Start one or more stopped containers'
        'stop:Stop one or more running containers'
        'tag:Give further names to an image'
        'untag:Take names from an image, which stays'
        'version:Show the bolt version information'
        'wait:Block until one or more containers stop, then print their exit codes'
        'container:Manage containers'
        'image:Manage images'
        'system:Look at this installation'
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        return
    fi
    local command=$words[2]
    case $command in
    container)
        if (( CURRENT == 3 )); then
            compadd attach create exec inspect kill list logs ls ps remove restart rm run start stop wait
            return
        fi
        shift words
        (( CURRENT-- ))
        command=$words[2]
        [[ $command == (ls|list) ]] && command=ps
        [[ $command == (rm|remove) ]] && command=rm
        ;;
    image)
        if (( CURRENT == 3 )); then
            compadd history inspect list ls pull remove rm tag untag
            return
        fi
        shift words
        (( CURRENT-- ))
        command=$words[2]
        [[ $command == (ls|list) ]] && command=images
        [[ $command == (rm|remove) ]] && command=rmi
        ;;
    system)
        if (( CURRENT == 3 )); then
            compadd info
            return
        fi
        shift words
        (( CURRENT-- ))
        command=$words[2]
        [[ $command == (ls|list) ]] && command=ps
        [[ $command == (rm|remove) ]] && command=rm
        ;;
    esac
    shift words
    (( CURRENT-- ))
    _bolt_command $command
}

_bolt "$@"
