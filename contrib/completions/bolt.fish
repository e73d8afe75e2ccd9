# fish completion for bolt. Its options are the ones of bolt's own table: a test compares them.

function __bolt_command --description 'the command of the line, grouped words resolved'
    set -l words (commandline -opc)
    set -l command $words[2]
    if contains -- "$command" container image system
        set -l group $command
        set command $words[3]
        switch "$group $command"
            case 'container ls' 'container list'
                set command ps
            case 'container remove'
                set command rm
            case 'image ls' 'image list'
                set command images
            case 'image rm' 'image remove'
                set command rmi
        end
    end
    echo $command
end
function __bolt_is --description 'whether the command of the line is one of these'
    contains -- (__bolt_command) $argv
end
function __bolt_first
    test (count (commandline -opc)) -eq 1
end
function __bolt_in_group
    set -l words (commandline -opc)
    test (count $words) -eq 2; and test "$words[2]" = $argv[1]
end
function __bolt_containers
    bolt ps $argv --format '{{.Names}}' 2>/dev/null
end
function __bolt_images
    bolt images --format '{{if ne .Repository "<none>"}}{{.Repository}}:{{.Tag}}{{else}}{{.ID}}{{end}}' 2>/dev/null
end

complete -c bolt -f
complete -c bolt -n __bolt_first -l help -d 'Print the list of commands'
complete -c bolt -n __bolt_first -s v -l version -d 'Print the version'
complete -c bolt -n __bolt_first -a attach -d 'Attach local standard input, output, and error streams to a running container'
complete -c bolt -n __bolt_first -a create -d 'Create a new container'
complete -c bolt -n __bolt_first -a exec -d 'Execute a command in a running container'
complete -c bolt -n __bolt_first -a help -d 'Help about a command'
complete -c bolt -n __bolt_first -a history -d 'Show the steps that made an image'
complete -c bolt -n __bolt_first -a images -d 'List images'
complete -c bolt -n __bolt_first -a info -d 'Display system-wide information'
complete -c bolt -n __bolt_first -a inspect -d 'Return low-level information on containers and images'
complete -c bolt -n __bolt_first -a kill -d 'Kill one or more running containers'
complete -c bolt -n __bolt_first -a logs -d 'Fetch the logs of a container'
complete -c bolt -n __bolt_first -a ps -d 'List containers'
complete -c bolt -n __bolt_first -a pull -d 'Download an image from a registry'
complete -c bolt -n __bolt_first -a restart -d 'Restart one or more containers'
complete -c bolt -n __bolt_first -a rm -d 'Remove one or more containers'
complete -c bolt -n __bolt_first -a rmi -d 'Remove one or more images'
complete -c bolt -n __bolt_first -a run -d 'Create and run a new container from an image'
complete -c bolt -n __bolt_first -a start -d 'Start one or more stopped containers'
complete -c bolt -n __bolt_first -a stop -d 'Stop one or more running containers'
complete -c bolt -n __bolt_first -a tag -d 'Give further names to an image'
complete -c bolt -n __bolt_first -a untag -d 'Take names from an image, which stays'
complete -c bolt -n __bolt_first -a version -d 'Show the bolt version information'
complete -c bolt -n __bolt_first -a wait -d 'Block until one or more containers stop, then print their exit codes'
complete -c bolt -n __bolt_first -a container
complete -c bolt -n '__bolt_in_group container' -a 'attach create exec inspect kill list logs ls ps remove restart rm run start stop wait'
complete -c bolt -n __bolt_first -a image
complete -c bolt -n '__bolt_in_group image' -a 'inspect list ls pull remove rm'
complete -c bolt -n __bolt_first -a system
complete -c bolt -n '__bolt_in_group system' -a 'info'

complete -c bolt -n '__bolt_is attach' -l detach-keys -r -d 'Override the key sequence for detaching a container'
complete -c bolt -n '__bolt_is attach' -l no-stdin -d 'Do not attach STDIN'
complete -c bolt -n '__bolt_is attach' -l sig-proxy -d 'Proxy received signals to the process (default true)'
complete -c bolt -n '__bolt_is attach' -a '(__bolt_containers)'

complete -c bolt -n '__bolt_is create' -l cap-add -r -d 'Add Linux capabilities'
complete -c bolt -n '__bolt_is create' -l cap-drop -r -d 'Drop Linux capabilities'
complete -c bolt -n '__bolt_is create' -l cidfile -r -F -d 'Write the container ID to the file'
complete -c bolt -n '__bolt_is create' -l cpus -r -d 'Number of CPUs'
complete -c bolt -n '__bolt_is create' -l entrypoint -r -d 'Overwrite the default ENTRYPOINT of the image'
complete -c bolt -n '__bolt_is create' -s e -l env -r -d 'Set environment variables'
complete -c bolt -n '__bolt_is create' -l env-file -r -F -d 'Read in a file of environment variables'
complete -c bolt -n '__bolt_is create' -s h -l hostname -r -d 'Container host name'
complete -c bolt -n '__bolt_is create' -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c bolt -n '__bolt_is create' -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c bolt -n '__bolt_is create' -s l -l label -r -d 'Set meta data on a container'
complete -c bolt -n '__bolt_is create' -s m -l memory -r -d 'Memory limit'
complete -c bolt -n '__bolt_is create' -l mount -r -d 'Attach a filesystem mount to the container: type=bind|volume|tmpfs,source=…,target=…[,readonly]'
complete -c bolt -n '__bolt_is create' -l name -r -d 'Assign a name to the container'
complete -c bolt -n '__bolt_is create' -l network -r -a 'none host pasta' -d 'Connect the container to a network: pasta (default), host or none'
complete -c bolt -n '__bolt_is create' -l pids-limit -r -d 'Tune container pids limit (set -1 for unlimited)'
complete -c bolt -n '__bolt_is create' -l platform -r -d 'Choose the image for this platform, such as linux/arm64'
complete -c bolt -n '__bolt_is create' -s p -l publish -r -d 'Publish a container\'s port(s) to the host'
complete -c bolt -n '__bolt_is create' -l pull -r -a 'missing always never' -d 'Pull image before running: missing (default), always or never'
complete -c bolt -n '__bolt_is create' -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c bolt -n '__bolt_is create' -l restart -r -a 'no on-failure always unless-stopped' -d 'Restart policy to apply when a container exits: no (default), on-failure[:N], always or unless-stopped'
complete -c bolt -n '__bolt_is create' -l rm -d 'Automatically remove the container and its associated anonymous volumes when it exits'
complete -c bolt -n '__bolt_is create' -l runtime -r -F -d 'OCI runtime to use for this container instead of bolt\'s own'
complete -c bolt -n '__bolt_is create' -l security-opt -r -d 'Security options: seccomp=unconfined|FILE, no-new-privileges, mask=PATH, unmask=PATH|ALL'
complete -c bolt -n '__bolt_is create' -l stop-signal -r -d 'Signal to stop the container'
complete -c bolt -n '__bolt_is create' -l stop-timeout -r -d 'Timeout (in seconds) to stop a container'
complete -c bolt -n '__bolt_is create' -l tmpfs -r -d 'Mount a tmpfs directory'
complete -c bolt -n '__bolt_is create' -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c bolt -n '__bolt_is create' -s u -l user -r -d 'Username or UID (format: <name|uid>[:<group|gid>])'
complete -c bolt -n '__bolt_is create' -l userns -r -a 'host keep-id auto' -d 'User namespace to use: host (default), keep-id or auto'
complete -c bolt -n '__bolt_is create' -s v -l volume -r -F -d 'Bind mount a volume'
complete -c bolt -n '__bolt_is create' -s w -l workdir -r -d 'Working directory inside the container'
complete -c bolt -n '__bolt_is create' -a '(__bolt_images)'

complete -c bolt -n '__bolt_is exec' -s d -l detach -d 'Detached mode: run command in the background'
complete -c bolt -n '__bolt_is exec' -s e -l env -r -d 'Set environment variables'
complete -c bolt -n '__bolt_is exec' -l env-file -r -F -d 'Read in a file of environment variables'
complete -c bolt -n '__bolt_is exec' -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c bolt -n '__bolt_is exec' -l privileged -d 'Give extended privileges to the command'
complete -c bolt -n '__bolt_is exec' -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c bolt -n '__bolt_is exec' -s u -l user -r -d 'Username or UID (format: <name|uid>[:<group|gid>])'
complete -c bolt -n '__bolt_is exec' -s w -l workdir -r -d 'Working directory inside the container'
complete -c bolt -n '__bolt_is exec' -a '(__bolt_containers)'

complete -c bolt -n '__bolt_is help' -a 'attach create exec help history images info inspect kill logs ps pull restart rm rmi run start stop tag untag version wait'

complete -c bolt -n '__bolt_is history' -l format -r -a 'table json' -d 'Format output: \'table\', \'table TEMPLATE\', \'json\', or a Go template such as \'{{.CreatedBy}}\''
complete -c bolt -n '__bolt_is history' -s H -l human -d 'Print sizes and dates in human readable format (default true)'
complete -c bolt -n '__bolt_is history' -l no-trunc -d 'Don\'t truncate output'
complete -c bolt -n '__bolt_is history' -s q -l quiet -d 'Only show image IDs'
complete -c bolt -n '__bolt_is history' -a '(__bolt_images)'

complete -c bolt -n '__bolt_is images' -s a -l all -d 'Show all images (bolt keeps no intermediate ones)'
complete -c bolt -n '__bolt_is images' -l digests -d 'Show digests'
complete -c bolt -n '__bolt_is images' -s f -l filter -r -a 'dangling= label= before= since= reference=' -d 'Filter output: dangling, label, before, since or reference, as KEY=VALUE'
complete -c bolt -n '__bolt_is images' -l format -r -a 'table json' -d 'Format output: \'table\', \'table TEMPLATE\', \'json\', or a Go template such as \'{{.Repository}}\''
complete -c bolt -n '__bolt_is images' -l no-trunc -d 'Don\'t truncate output'
complete -c bolt -n '__bolt_is images' -s q -l quiet -d 'Only show image IDs'
complete -c bolt -n '__bolt_is images' -a '(__bolt_images)'

complete -c bolt -n '__bolt_is info' -s f -l format -r -a 'json' -d 'Format output: \'json\', or a Go template such as \'{{.Client.Version}}\''

complete -c bolt -n '__bolt_is inspect' -s f -l format -r -a 'json' -d 'Format output: \'json\', or a Go template such as \'{{.State.Status}}\''
complete -c bolt -n '__bolt_is inspect' -l type -r -a 'container image' -d 'Only inspect objects of the given type: container or image'
complete -c bolt -n '__bolt_is inspect' -a '(__bolt_containers -a) (__bolt_images)'

complete -c bolt -n '__bolt_is kill' -s s -l signal -r -a 'HUP INT KILL QUIT TERM USR1 USR2' -d 'Signal to send to the container (default "KILL")'
complete -c bolt -n '__bolt_is kill' -a '(__bolt_containers)'

complete -c bolt -n '__bolt_is logs' -s f -l follow -d 'Follow log output'
complete -c bolt -n '__bolt_is logs' -l since -r -d 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'
complete -c bolt -n '__bolt_is logs' -s n -l tail -r -d 'Number of lines to show from the end of the logs (default "all")'
complete -c bolt -n '__bolt_is logs' -s t -l timestamps -d 'Show timestamps'
complete -c bolt -n '__bolt_is logs' -l until -r -d 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)'
complete -c bolt -n '__bolt_is logs' -a '(__bolt_containers -a)'

complete -c bolt -n '__bolt_is ps' -s a -l all -d 'Show all containers (default shows just running)'
complete -c bolt -n '__bolt_is ps' -s f -l filter -r -a 'id= name= label= status= exited= ancestor= before= since= volume= network=' -d 'Filter output: id, name, label, status, exited, ancestor, before, since, volume or network, as KEY=VALUE'
complete -c bolt -n '__bolt_is ps' -l format -r -a 'table json' -d 'Format output: \'table\', \'table TEMPLATE\', \'json\', or a Go template such as \'{{.Names}}\''
complete -c bolt -n '__bolt_is ps' -s n -l last -r -d 'Show n last created containers (includes all states)'
complete -c bolt -n '__bolt_is ps' -s l -l latest -d 'Show the latest created container (includes all states)'
complete -c bolt -n '__bolt_is ps' -l no-trunc -d 'Don\'t truncate output'
complete -c bolt -n '__bolt_is ps' -s q -l quiet -d 'Only display container IDs'

complete -c bolt -n '__bolt_is pull' -l authfile -r -F -d 'Read the registry\'s login from this file'
complete -c bolt -n '__bolt_is pull' -l platform -r -d 'Pull the image for this platform, such as linux/arm64'
complete -c bolt -n '__bolt_is pull' -s q -l quiet -d 'Suppress verbose output'
complete -c bolt -n '__bolt_is pull' -l tls-verify -d 'Require HTTPS and verify the registry\'s certificate (default true)'
complete -c bolt -n '__bolt_is pull' -a '(__bolt_images)'

complete -c bolt -n '__bolt_is restart' -s s -l signal -r -d 'Signal to send to the container'
complete -c bolt -n '__bolt_is restart' -s t -l timeout -r -d 'Seconds to wait before killing the container'
complete -c bolt -n '__bolt_is restart' -a '(__bolt_containers -a)'

complete -c bolt -n '__bolt_is rm' -s f -l force -d 'Force the removal of a running container (uses SIGKILL)'
complete -c bolt -n '__bolt_is rm' -s v -l volumes -d 'Remove anonymous volumes associated with the container'
complete -c bolt -n '__bolt_is rm' -a '(__bolt_containers -a)'

complete -c bolt -n '__bolt_is rmi' -s f -l force -d 'Force removal of the image'
complete -c bolt -n '__bolt_is rmi' -a '(__bolt_images)'

complete -c bolt -n '__bolt_is run' -l cap-add -r -d 'Add Linux capabilities'
complete -c bolt -n '__bolt_is run' -l cap-drop -r -d 'Drop Linux capabilities'
complete -c bolt -n '__bolt_is run' -l cidfile -r -F -d 'Write the container ID to the file'
complete -c bolt -n '__bolt_is run' -l cpus -r -d 'Number of CPUs'
complete -c bolt -n '__bolt_is run' -s d -l detach -d 'Run container in background and print container ID'
complete -c bolt -n '__bolt_is run' -l detach-keys -r -d 'Override the key sequence for detaching a container (default "ctrl-p,ctrl-q")'
complete -c bolt -n '__bolt_is run' -l entrypoint -r -d 'Overwrite the default ENTRYPOINT of the image'
complete -c bolt -n '__bolt_is run' -s e -l env -r -d 'Set environment variables'
complete -c bolt -n '__bolt_is run' -l env-file -r -F -d 'Read in a file of environment variables'
complete -c bolt -n '__bolt_is run' -s h -l hostname -r -d 'Container host name'
complete -c bolt -n '__bolt_is run' -l init -d 'Run an init inside the container that forwards signals and reaps processes'
complete -c bolt -n '__bolt_is run' -s i -l interactive -d 'Keep STDIN open even if not attached'
complete -c bolt -n '__bolt_is run' -s l -l label -r -d 'Set meta data on a container'
complete -c bolt -n '__bolt_is run' -s m -l memory -r -d 'Memory limit'
complete -c bolt -n '__bolt_is run' -l mount -r -d 'Attach a filesystem mount to the container: type=bind|volume|tmpfs,source=…,target=…[,readonly]'
complete -c bolt -n '__bolt_is run' -l name -r -d 'Assign a name to the container'
complete -c bolt -n '__bolt_is run' -l network -r -a 'none host pasta' -d 'Connect the container to a network: pasta (default), host or none'
complete -c bolt -n '__bolt_is run' -l pids-limit -r -d 'Tune container pids limit (set -1 for unlimited)'
complete -c bolt -n '__bolt_is run' -l platform -r -d 'Choose the image for this platform, such as linux/arm64'
complete -c bolt -n '__bolt_is run' -s p -l publish -r -d 'Publish a container\'s port(s) to the host'
complete -c bolt -n '__bolt_is run' -l pull -r -a 'missing always never' -d 'Pull image before running: missing (default), always or never'
complete -c bolt -n '__bolt_is run' -l read-only -d 'Mount the container\'s root filesystem as read only'
complete -c bolt -n '__bolt_is run' -l restart -r -a 'no on-failure always unless-stopped' -d 'Restart policy to apply when a container exits: no (default), on-failure[:N], always or unless-stopped'
complete -c bolt -n '__bolt_is run' -l rm -d 'Automatically remove the container and its associated anonymous volumes when it exits'
complete -c bolt -n '__bolt_is run' -l runtime -r -F -d 'OCI runtime to use for this container instead of bolt\'s own'
complete -c bolt -n '__bolt_is run' -l security-opt -r -d 'Security options: seccomp=unconfined|FILE, no-new-privileges, mask=PATH, unmask=PATH|ALL'
complete -c bolt -n '__bolt_is run' -l sig-proxy -d 'Proxy received signals to the process (default true)'
complete -c bolt -n '__bolt_is run' -l stop-signal -r -d 'Signal to stop the container'
complete -c bolt -n '__bolt_is run' -l stop-timeout -r -d 'Timeout (in seconds) to stop a container'
complete -c bolt -n '__bolt_is run' -l tmpfs -r -d 'Mount a tmpfs directory'
complete -c bolt -n '__bolt_is run' -s t -l tty -d 'Allocate a pseudo-TTY'
complete -c bolt -n '__bolt_is run' -s u -l user -r -d 'Username or UID (format: <name|uid>[:<group|gid>])'
complete -c bolt -n '__bolt_is run' -l userns -r -a 'host keep-id auto' -d 'User namespace to use: host (default), keep-id or auto'
complete -c bolt -n '__bolt_is run' -s v -l volume -r -F -d 'Bind mount a volume'
complete -c bolt -n '__bolt_is run' -s w -l workdir -r -d 'Working directory inside the container'
complete -c bolt -n '__bolt_is run' -a '(__bolt_images)'

complete -c bolt -n '__bolt_is start' -s a -l attach -d 'Attach STDOUT/STDERR and forward signals'
complete -c bolt -n '__bolt_is start' -l detach-keys -r -d 'Override the key sequence for detaching a container'
complete -c bolt -n '__bolt_is start' -s i -l interactive -d 'Attach container\'s STDIN'
complete -c bolt -n '__bolt_is start' -l sig-proxy -d 'Proxy received signals to the process (default true)'
complete -c bolt -n '__bolt_is start' -a '(__bolt_containers --filter status=exited --filter status=created)'

complete -c bolt -n '__bolt_is stop' -s s -l signal -r -d 'Signal to send to the container'
complete -c bolt -n '__bolt_is stop' -s t -l timeout -r -d 'Seconds to wait before killing the container'
complete -c bolt -n '__bolt_is stop' -a '(__bolt_containers)'

complete -c bolt -n '__bolt_is tag' -a '(__bolt_images)'

complete -c bolt -n '__bolt_is untag' -a '(__bolt_images)'

complete -c bolt -n '__bolt_is version' -s f -l format -r -a 'json' -d 'Format output: \'json\', or a Go template such as \'{{.Client.Version}}\''

complete -c bolt -n '__bolt_is wait' -a '(__bolt_containers)'
