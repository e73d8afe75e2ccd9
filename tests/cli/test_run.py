"""bolt run: what the options do, what is refused, and that nothing is left."""
import os
import re
import subprocess

import pytest

from bolt_runner import BOLT, IMAGE, bolt, bolt_with_store, wait_until  # noqa: F401: fixtures


def test_output_and_exit_code_are_the_commands(bolt):
    done = bolt.run("--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.code, done.out, done.err) == (7, "out\n", "err\n")


def test_a_signal_is_128_and_its_number(bolt):
    assert bolt.run("--init", "--", "sh", "-c", "kill -9 $$").code == 137


@pytest.mark.parametrize("command, code, text", [("nosuch", 127, "nosuch"), ("/etc", 126, "/etc")])
def test_a_command_that_cannot_be_run(bolt, command, code, text):
    done = bolt.run("--", command)
    assert done.code == code and text in done.err, done


def test_environment_directory_and_names(bolt):
    done = bolt.run("-e", "A=1", "-e", "A=2", "-w", "/new/place", "--hostname", "web", "--", "sh", "-c", "echo $A $HOSTNAME $HOME $container; pwd; hostname; cat /etc/hostname")
    assert done.out == "2 web /root bolt\n/new/place\nweb\nweb\n", done


def test_hosts_names_the_container(bolt):
    done = bolt.run("--hostname", "web", "--", "cat", "/etc/hosts")
    assert "localhost" in done.out and "web" in done.out


def test_input_reaches_the_command(bolt):
    assert bolt.run("-i", "--", "cat", stdin="through\n").out == "through\n"


def test_other_users_have_no_capabilities_in_effect(bolt):
    done = bolt.run("-u", "1000:1001", "-w", "/tmp", "--", "sh", "-c", "id -u; id -g; grep CapEff /proc/self/status")
    assert done.out == "1000\n1001\nCapEff:\t0000000000000000\n", done


def test_users_are_looked_up_in_the_image(bolt):
    assert bolt.run("-u", "nobody", "-w", "/tmp", "--", "id", "-u").out == "65534\n"
    done = bolt.run("-u", "stranger", "--", "id")
    assert done.code == 125 and "stranger" in done.err and "/etc/passwd" in done.err, done
    assert bolt.entries("containers") == []


def test_capabilities(bolt):
    def effective(*options):
        return int(bolt.run(*options, "--", "sh", "-c", "grep CapEff /proc/self/status").out.split()[1], 16)
    assert effective() == 0xA80425FB
    assert effective("--cap-drop", "ALL") == 0
    assert effective("--cap-drop", "all", "--cap-add", "chown") == 1
    assert effective("--cap-add", "SYS_ADMIN") == 0xA80425FB | 1 << 21
    done = bolt.run("--cap-add", "FLY", "--", "true")
    assert done.code == 125 and "'FLY' is not a capability" in done.err


def test_the_default_seccomp_profile_is_there(bolt):
    done = bolt.run("--", "sh", "-c", "grep Seccomp: /proc/self/status; unshare -m true; mount -t tmpfs x /tmp")
    assert "Seccomp:\t2" in done.out
    assert done.err.count("Operation not permitted") + done.err.count("permission denied") == 2, done


def test_seccomp_can_be_left_out(bolt):
    done = bolt.run("--security-opt", "seccomp=unconfined", "--", "sh", "-c", "grep Seccomp: /proc/self/status")
    with open("/proc/self/status") as status:
        outside = next(line for line in status if line.startswith("Seccomp:"))
    assert done.out == outside


def test_capabilities_open_their_system_calls(bolt):
    done = bolt.run("--cap-add", "SYS_ADMIN", "--", "sh", "-c", "grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp && echo mounted")
    assert done.out == "Seccomp:\t2\nmounted\n", done


def test_a_profile_of_ones_own(bolt):
    profile = f"{bolt.top}/profile.json"
    with open(profile, "w") as file:
        file.write('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}')
    done = bolt.run("--security-opt", f"seccomp={profile}", "--", "mkdir", "/tmp/x")
    assert done.code == 1 and "Operation not permitted" in done.err
    done = bolt.run("--security-opt", "seccomp=/nowhere.json", "--", "true")
    assert done.code == 125 and "/nowhere.json" in done.err


def test_no_new_privileges_is_the_ordinary_users_default(bolt):
    def value(*options):
        return bolt.run(*options, "--", "sh", "-c", "grep NoNewPrivs /proc/self/status").out.split()[1]
    assert value() == ("1" if bolt.user else "0")
    assert value("--security-opt", "no-new-privileges") == "1"
    assert value("--security-opt", "no-new-privileges=false") == "0"


def test_hidden_and_read_only_paths(bolt):
    script = "cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l; echo x > /proc/sys/kernel/hostname; echo $?"
    assert bolt.run("--", "sh", "-c", script).out == "0\n0\n1\n"
    done = bolt.run("--security-opt", "mask=/proc/cpuinfo", "--", "sh", "-c", "wc -c < /proc/cpuinfo")
    assert done.out == "0\n"


def test_read_only_root_and_tmpfs(bolt):
    done = bolt.run("--read-only", "--tmpfs", "/scratch:size=1m", "--", "sh", "-c", "touch /x; touch /scratch/y && grep /scratch /proc/mounts")
    assert "Read-only file system" in done.err and "noexec" in done.out and "size=1024k" in done.out


def test_named_volumes_stay(bolt):
    assert bolt.run("-v", "kept:/data", "--", "sh", "-c", "echo kept > /data/file").code == 0
    assert bolt.run("-v", "kept:/data:ro", "--", "sh", "-c", "cat /data/file; touch /data/x").out == "kept\n"
    assert "kept" in bolt.entries("volumes")


def test_a_new_volume_gets_what_the_image_has(bolt):
    done = bolt.run("-v", "fresh:/etc", "--", "sh", "-c", "ls /etc; stat -c '%u:%g' /etc /etc/passwd")
    assert "passwd" in done.out.split() and done.out.endswith("0:0\n0:0\n"), done
    done = bolt.run("--mount", "type=volume,source=bare,target=/etc,volume-nocopy", "--", "ls", "/etc")
    assert "passwd" not in done.out.split()


def test_anonymous_volumes_go_with_the_container(bolt):
    before = bolt.entries("volumes")
    assert bolt.run("-v", "/anonymous", "--", "touch", "/anonymous/x").code == 0
    assert bolt.entries("volumes") == before
    bolt.ok("run", "--name", "holder", "--network", "none", "-v", "/anonymous", IMAGE, "touch", "/anonymous/x")
    assert len(bolt.entries("volumes")) == len(before) + 1
    bolt.ok("rm", "-v", "holder")
    assert bolt.entries("volumes") == before


def test_host_directories(bolt):
    done = bolt.run("-v", f"{bolt.top}/home/made:/host", "--", "touch", "/host/file")
    assert done.code == 0 and os.stat(f"{bolt.top}/home/made/file").st_uid == bolt.user
    done = bolt.run("--mount", f"type=bind,source={bolt.top}/missing,target=/host", "--", "true")
    assert done.code == 125 and f"'{bolt.top}/missing'" in done.err and not os.path.exists(f"{bolt.top}/missing")


def test_init_reaps_and_passes_signals_on(bolt):
    done = bolt.run("--init", "--", "sh", "-c", "(sleep 0.1 &) ; sleep 0.5; ps -o pid,stat,args")
    assert "bolt-init" in done.out and " Z" not in done.out, done
    bolt.ok("run", "-d", "--name", "signalled", "--init", "--network", "none", IMAGE, "sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    wait_until(lambda: bolt("logs", "signalled").out == "ready\n", "the trap to be set")
    bolt.ok("stop", "-t", "10", "signalled")
    assert bolt.inspect("signalled", "{{.State.ExitCode}}") == "9"
    bolt.ok("rm", "signalled")


def test_limits(bolt):
    done = bolt.run("-m", "64m", "--pids-limit", "30", "--", "true")
    if bolt.user:
        assert done.code == 125 and "cgroup v2" in done.err or done.code == 0, done
    else:
        assert done.code == 0, done
    assert "6 MiB" in bolt.run("-m", "1m", "--", "true").err
    assert "CPUs" in bolt.run("--cpus", "10000", "--", "true").err


def test_pull_policy_never(bolt):
    done = bolt("run", "--rm", "--pull", "never", "localhost:1/nothing", "true")
    assert done.code == 125 and "localhost:1/nothing" in done.err and "--pull" in done.err


def test_pull_policy_newer_takes_what_is_here_when_nobody_answers(bolt):
    identity = bolt.ok("images", "-q", "--no-trunc", IMAGE)
    bolt.ok("tag", IMAGE, "localhost:1/own:1")
    try:
        done = bolt("run", "--rm", "--pull", "newer", "--network", "none", "localhost:1/own:1", "echo", "runs")
        assert (done.code, done.out) == (0, "runs\n") and "the image that is here serves" in done.err, done
        assert bolt.ok("run", "--rm", "--pull", "newer", "--network", "none", identity, "echo", "runs").endswith("runs")
        assert bolt("run", "--rm", "--pull", "newer", "--network", "none", "localhost:1/other:1", "true").code == 125
    finally:
        bolt.ok("rmi", "localhost:1/own:1")


def test_a_name_is_taken_once(bolt):
    bolt.ok("create", "--name", "single", IMAGE, "true")
    holder = bolt.inspect("single", "{{.Id}}")
    done = bolt("create", "--name", "single", IMAGE, "true")
    assert done.code == 1 or done.code == 125
    assert holder[:12] in done.err and "bolt rm single" in done.err
    bolt.ok("rm", "single")
    assert bolt.entries("containers") == [] and bolt.entries("names") == []


def test_a_name_that_a_killed_create_left_is_free(bolt):
    dead = "d" * 64
    os.mkdir(f"{bolt.store}/containers/{dead}")
    os.symlink(dead, f"{bolt.store}/names/reborn")
    for path in (f"{bolt.store}/containers/{dead}", f"{bolt.store}/names/reborn"):
        os.chown(path, bolt.user, bolt.user, follow_symlinks=False)
    bolt.ok("create", "--name", "reborn", IMAGE, "true")
    assert dead not in bolt.entries("containers")
    bolt.ok("rm", "reborn")


IDS = ["sh", "-c", "id -u; id -g; cut -c 1-32 /proc/self/uid_map; echo $HOME; stat -c %u:%g / /bin/busybox /work/mine; echo x > /work/made; grep -c :$(id -u): /etc/passwd"]


def test_keep_id_gives_the_user_the_same_id(bolt):
    if not bolt.user:
        done = bolt.run("--userns", "keep-id", "--", "true")
        assert done.code == 125 and "keep-id is for ordinary users" in done.err, done
        return
    os.makedirs(f"{bolt.top}/work", exist_ok=True)
    with open(f"{bolt.top}/work/mine", "w"):
        os.chown(f"{bolt.top}/work", bolt.user, bolt.user)
        os.chown(f"{bolt.top}/work/mine", bolt.user, bolt.user)
    os.chmod(f"{bolt.top}/work", 0o700)
    done = bolt.run("--userns", "keep-id", "-w", "/tmp", "-v", f"{bolt.top}/work:/work", "--", *IDS)
    assert done.code == 0, done
    lines = done.out.split("\n")
    assert lines[:2] == ["2000", "2000"] and lines[2].split() == ["0", "1", "2000"] and lines[3].split() == ["2000", "0", "1"], done
    assert lines[5:] == ["/tmp", "0:0", "0:0", "2000:2000", "1", ""], done
    made = os.stat(f"{bolt.top}/work/made")
    assert (made.st_uid, made.st_gid) == (bolt.user, bolt.user)
    root = bolt.run("--userns", "keep-id", "-u", "0", "--", "sh", "-c", "id -u; touch /root/file && chown 7 /root/file && stat -c %u /root/file")
    assert root.out == "0\n7\n", root


def test_containers_with_automatic_ids_share_none(bolt):
    done = bolt("run", "-d", "--name", "first", "--network", "none", "--userns", "auto", IMAGE, "sleep", "1000")
    assert done.code == 0, done
    maps = [bolt.ok("exec", "first", "cat", "/proc/self/uid_map").split(), bolt.run("--userns", "auto", "--", "cat", "/proc/self/uid_map").out.split()]
    assert [row[0] for row in maps] == ["0", "0"] and [row[2] for row in maps] == ["1024", "1024"], maps
    assert abs(int(maps[0][1]) - int(maps[1][1])) >= 1024, maps
    assert bolt.ok("exec", "first", "stat", "-c", "%u", "/", "/etc/passwd") == "0\n0"
    bolt.ok("exec", "first", "sh", "-c", "echo x > /etc/new && chown 1023:1023 /etc/new")
    assert bolt.ok("exec", "-u", "1023", "-w", "/", "first", "cat", "/etc/new") == "x"
    bolt.ok("rm", "-f", "first")
    again = bolt.run("--userns", "auto", "--", "cat", "/proc/self/uid_map").out.split()
    assert again == maps[0], "the ids of a removed container are free again"
    too_many = bolt.run("--userns", "auto", "-u", "3000000000", "--", "true")
    assert too_many.code == 125 and "ids that no other container has" in too_many.err, too_many


def test_a_new_volume_belongs_to_the_root_of_a_container_with_ids_of_its_own(bolt):
    done = bolt.run("--userns", "auto", "-v", "owned:/fresh", "--", "sh", "-c", "touch /fresh/file && stat -c %u /fresh")
    assert done.out == "0\n", done


def test_an_environment_file_is_named_in_what_is_wrong_with_it(bolt):
    with open(f"{bolt.top}/binary", "wb") as file:
        file.write(b"A=\0\x1b[31m")
    os.chmod(f"{bolt.top}/binary", 0o644)
    for name, reason in (("binary", "is not a text file"), ("missing", "No such file")):
        done = bolt.run("--env-file", f"{bolt.top}/{name}", "--", "true")
        assert done.code == 125 and "--env-file" in done.err and name in done.err and reason in done.err, done


def test_an_unsearchable_working_directory_is_the_roots_to_enter(bolt):
    """An image for /root runs for any user, as with docker."""
    done = bolt.run("-u", "1000", "-w", "/root", "--", "sh", "-c", "ls . 2>&1; echo ran")
    assert done.out.endswith("Permission denied\nran\n"), done


def test_thirty_two_at_once_and_nothing_is_left(bolt):
    begun = [bolt.begin("run", "--rm", "--network", "none", IMAGE, "sh", "-c", f"exit {number}") for number in range(32)]
    assert [process.wait(60) for process in begun] == list(range(32))
    for process in begun:
        process.communicate()
    for folder in ("containers", "names", "tmp"):
        assert bolt.entries(folder) == [], folder
    wait_until(lambda: bolt.entries("trash") == [], "the monitors to delete what they have moved out of sight")
    assert os.listdir(f"{bolt.top}/run/bolt/containers") == []


def test_what_is_refused_leaves_nothing(bolt):
    for options in (["--rm", "--restart", "always"], ["-w", "relative"], ["--hostname", "two words"], ["--userns", "root"], ["--security-opt", "selinux=on"],
                    ["-v", "/same", "--tmpfs", "/same"]):
        done = bolt("run", "--network", "none", *options, IMAGE, "true")
        assert done.code == 125 and len(done.err.strip().splitlines()) == 1, (options, done)
    assert bolt.entries("containers") == [] and bolt.entries("names") == []


def test_what_is_empty_was_not_given(bolt):
    done = bolt.run("--name", "", "--hostname", "", "-w", "", "-u", "", "--pull", "", "--", "sh", "-c", "hostname; pwd; id -u")
    name, directory, user = done.out.split()
    assert (len(name), directory, user) == (12, bolt.run("--", "pwd").out.strip(), "0")


def test_a_cidfile_that_cannot_be_written_is_named(bolt):
    done = bolt.run("--cidfile", "/nowhere/id", "--", "true")
    assert done.code == 125 and done.err == "bolt: write '/nowhere/id': make a file in '/nowhere': No such file or directory\n"
    assert bolt.entries("containers") == []


def test_root_of_a_user_namespace_that_has_no_group_of_terminals(bolt):
    """`unshare -r`: one id, and it is 0."""
    words = bolt.arguments(["run", "--rm", "--network", "none", IMAGE, "id", "-u"])
    words[words.index(BOLT):] = ["unshare", "--user", "--map-root-user", BOLT] + words[words.index(BOLT) + 1:]
    place = f"{bolt.top}/{'own' if bolt.user else 'mapped'}"
    os.mkdir(place)
    os.chown(place, bolt.user, bolt.user)
    done = subprocess.run(words, env=dict(bolt.environment, BOLT_DATA_DIR=f"{place}/data", BOLT_RUNTIME_DIR=f"{place}/run"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout == "0\n", done


def test_a_working_directory_behind_one_that_is_not_there(bolt):
    assert bolt.run("-w", "/a/../b", "--", "pwd").out == "/b\n"
    assert bolt.run("-w", "/b/./c/", "--", "pwd").out == "/b/c\n"


def test_a_seccomp_profile_without_execve_is_refused(bolt):
    with open(f"{bolt.top}/profile.json", "w", encoding="ascii") as file:
        file.write('{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}')
    done = bolt.run("--security-opt", f"seccomp={bolt.top}/profile.json", "--", "true")
    assert done.code == 125 and "'execve' is not allowed" in done.err, done


def test_a_dangling_link_is_no_source_of_a_mount(bolt):
    os.symlink("/nowhere", f"{bolt.top}/dangling")
    done = bolt.run("-v", f"{bolt.top}/dangling:/m", "--", "true")
    assert done.code == 125 and "is a link to '/nowhere', which does not exist" in done.err, done


def test_a_name_as_dockers_lists_once_showed_it(bolt):
    bolt.ok("create", "--name", "/slashed", "--network", "none", IMAGE, "true")
    assert bolt.inspect("/slashed", "{{.Name}}") == bolt.inspect("slashed", "{{.Name}}")
    bolt.ok("rm", "slashed")


def test_a_port_of_all_addresses_is_listed_with_both_families(bolt):
    bolt.ok("run", "-d", "--name", "both", "--network", "none", "-p", "80", IMAGE, "sleep", "1000")
    shown = bolt.ok("ps", "--format", "{{.Ports}}").split(", ")
    expected = [r"0\.0\.0\.0:\d+->80/tcp"] + ([r"\[::\]:\d+->80/tcp"] if os.path.exists("/proc/net/if_inet6") else [])
    assert len(shown) == len(expected) and all(re.fullmatch(pattern, text) for pattern, text in zip(expected, shown)), shown
    bolt.ok("rm", "-f", "both")


def test_the_whole_host_can_be_bound(bolt):
    """The container's own root lies over the host's while it is made, and is no part of what is bound."""
    there = bolt.ok("run", "--rm", "--network", "none", "-v", "/:/host:ro", "bolt://shell", "ls", "/host").split()
    assert sorted(name for name in os.listdir("/") if not name.startswith(".")) == sorted(there)
