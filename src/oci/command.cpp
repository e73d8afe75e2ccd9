#include "oci/command.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/file.h"
#include "sys/root.h"
#include "sys/users.h"

namespace bolt::oci {

namespace {

std::string_view path_of(spec::Process const& process) {
    for (auto variable = process.env.rbegin(); variable != process.env.rend(); ++variable) // the last one counts
        if (variable->starts_with("PATH=")) return std::string_view(*variable).substr(5);
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

// In these very words, and in small letters: dockerd and podman tell the exit codes 126 and 127 by them.
constexpr char const* permission_denied = "permission denied";

// 0, or why execve(2) would refuse.
int failure_of(std::string const& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) < 0) return errno == ENOTDIR ? ENOENT : errno;
    if (S_ISDIR(status.st_mode)) return EACCES;
    return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) < 0 ? errno : 0;
}

Result<std::string> look_up(spec::Process const& process) {
    auto const& name = process.args.front();
    bool const is_path = name.empty() || name.find('/') != name.npos;
    auto const refuse = [&](int code) {
        auto const* const why = code == EACCES ? permission_denied : is_path ? "no such file or directory" : "executable file not found in $PATH";
        return Error::of(code, "exec '{}': {}", name, why);
    };
    if (name.empty()) return refuse(ENOENT);
    if (is_path) {
        int const failure = failure_of(name);
        return failure == 0 ? Result<std::string>(name) : refuse(failure == ENOENT ? ENOENT : EACCES);
    }
    bool denied = false;
    for (auto const directory : split(path_of(process), ':')) {
        auto candidate = fmt::format("{}/{}", directory.empty() ? "." : directory, name);
        int const failure = failure_of(candidate);
        if (failure == 0) return candidate;
        denied = denied || failure == EACCES;
    }
    return refuse(denied ? EACCES : ENOENT);
}

// "#!/bin/sh -e": "/bin/sh"; "" for what is no script.
std::string interpreter_in(std::string_view beginning) {
    if (!beginning.starts_with("#!")) return "";
    auto const line = trim(cut(beginning.substr(2), '\n').before);
    return std::string(line.substr(0, line.find_first_of(" \t")));
}

constexpr int most_interpreters = 5; // a script may be another's interpreter; the kernel's limit

// /proc/self/exe is still this program, and a process of the container that ran it could lead others to its file on the host
// (CVE-2019-5736). So what is executed, and what a script is executed by, may be reached by no link of /proc's own.
Result<void> refuse_this_program(Root const& root, std::string const& directory, std::string path, int left = most_interpreters) {
    auto whole = path.starts_with('/') ? path : fmt::format("{}/{}", directory, path);
    // Behind a link ".." is where the link leads; the links of /proc that lead out are no names to realpath(3).
    if (whole.find("/..") != whole.npos) {
        std::unique_ptr<char, decltype(&free)> const real(realpath(whole.c_str(), nullptr), free);
        if (real) whole = real.get();
    }
    auto const inside = TRY(RootPath::parse_clamped(whole));
    struct stat executed {}, reached {};
    if (stat(path.c_str(), &executed) < 0 || !S_ISREG(executed.st_mode)) return {}; // execve(2) says it better
    auto const file = root.open_path(inside, O_RDONLY | O_NONBLOCK);
    if (!file && file.error().is(EMFILE)) return file.error();
    bool const unreadable = !file && file.error().is(EACCES);
    if (unreadable && geteuid() == 0) return Error::of(EACCES, "exec '{}': it cannot be read, so that nobody knows what executes it", path);
    bool const same = file && fstat(file.value().number(), &reached) == 0 && reached.st_dev == executed.st_dev && reached.st_ino == executed.st_ino;
    if (!same && !unreadable) return Error::of(EACCES, "exec '{}': a link of /proc on the way to it leads out of the container", path);
    if (!file || left == 0) return {}; // whoever is not root can do no harm with this program's file
    char beginning[256];
    auto const length = read_some(file.value(), beginning);
    auto const interpreter = length ? interpreter_in({beginning, length.value()}) : "";
    return interpreter.empty() ? Result<void>() : refuse_this_program(root, directory, interpreter, left - 1);
}

} // namespace

namespace {
// What is no readable file of a sensible size names nobody.
std::string home_of(Root const& root, spec::Process const& process) {
    for (auto const& variable : process.env)
        if (variable.starts_with("HOME=")) return "";
    auto const text = root.read_file(RootPath::parse("etc/passwd").value());
    for (auto const& entry : parse_passwd(text ? text.value() : std::string()))
        if (entry.uid == process.user.uid && !entry.home.empty()) return "HOME=" + entry.home;
    return "HOME=/";
}
} // namespace

Result<Command> find_command(spec::Process const& process) {
    auto found = TRY(look_up(process));
    auto const root = TRY(Root::open(TRY(HostPath::parse("/"))));
    TRY(refuse_this_program(root, process.cwd, found));
    return Command{std::move(found), home_of(root, process)};
}

Error execute(spec::Process const& process, Command const& command) {
    std::vector<char*> argv, envp;
    for (auto const& argument : process.args) argv.push_back(const_cast<char*>(argument.c_str())); // execve's signature
    // Of two with one name the last counts, as runc and crun have it; getenv(3) would take the first.
    std::set<std::string_view> names;
    for (auto variable = process.env.rbegin(); variable != process.env.rend(); ++variable)
        if (names.insert(std::string_view(*variable).substr(0, variable->find('='))).second) envp.push_back(const_cast<char*>(variable->c_str()));
    std::ranges::reverse(envp);
    if (!command.home.empty()) envp.push_back(const_cast<char*>(command.home.c_str()));
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    execve(command.path.c_str(), argv.data(), envp.data());
    int const failure = errno;
    // A script whose interpreter is missing is ENOENT too; the file itself is there.
    if (failure == ENOENT) return Error::of(ENOENT, "exec '{}': its interpreter is missing in the container", process.args.front());
    if (failure == ENOEXEC) return Error::of(EACCES, "exec '{}': exec format error (is the image for another architecture?)", process.args.front());
    return Error::of(EACCES, "exec '{}': {}", process.args.front(), failure == EACCES ? permission_denied : strerror(failure));
}

} // namespace bolt::oci
