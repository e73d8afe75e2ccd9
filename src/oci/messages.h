// What is said between the caller of create, start and exec and the process that becomes the container's.
//
//     runtime                      init                                      tenant (exec)
//       │ clone                       │                                         │
//       ├──────────────────────────►  │                                         │
//       │ go ──────────────────────►  │ (when ids must be mapped, or others     │
//       │                             │  move it: a systemd scope, resctrl)     │
//       │                             │ mounts                                  │
//       │ ◄──────── runtime hooks ──  │ (with prestart, createRuntime hooks)    │
//       │ hooks                       │                                         │
//       │ go ──────────────────────►  │                                         │
//       │ ◄────── container hooks ──  │ createContainer hooks (when there are)  │
//       │ ◄── console, descriptor ──  │ (with a terminal)                       │ ── console ──►
//       │                             │ enter the root, identity                │
//       │ ◄──────── Report ─────────  │ the container is `created`              │
//       ⋮                             ⋮                                         │
//       │ start ───────────────────►  │ startContainer hooks (start may be      │
//       │                             │ said early, when nothing else will be)  │
//       │ ◄──────── Report ─────────  │ execve is next                          │ ── Report ──►
//       │ ◄──────── the end ────────  │ execve closed the channel: it runs      │ ── the end ──►
//       │        or Report: failure   │ execve's error                          │
//
// Reports are sys/channel.h's. The end of the channel before a Report is a failure: the process died.
#pragma once

#include <string_view>

#include "base/result.h"
#include "sys/channel.h"

namespace bolt::oci {

constexpr std::string_view word_go = "go", word_start = "start", word_runtime_hooks = "runtime hooks", word_container_hooks = "container hooks", word_console = "console";
// Begins what init wants said to the caller though it goes on; any number of them before its first Report.
constexpr std::string_view word_warning = "warning: ";

// ENOENT and EACCES mean that the command is missing or cannot be executed, and nothing else may have these codes.
Error without_command_codes(Error error);

// ECONNRESET at the channel's end, EPROTO for another word.
Result<void> await_word(Channel const& channel, std::string_view word);
// The Report that execve is next, then the end. Failures are init's.
Result<void> await_execution(Channel const& channel);
// A Report's failure as this call's error; EPROTO for what is no Report.
Result<void> read_report(std::string_view message);

} // namespace bolt::oci
