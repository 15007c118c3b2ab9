// SPDX-License-Identifier: Apache-2.0
// sluice completion bash | zsh | fish: a script made of the command line's own tree, so that it cannot fall behind.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "commands.h"

namespace sluice::cli {
namespace {

using Visit = std::function<void(const CommandTree&, const std::string& path)>;

// `path`: the words before the command's own children, each with a space before it; empty for `sluice` itself.
void walk(const CommandTree& tree, const std::string& path, const Visit& visit) {
  visit(tree, path);
  for (const CommandTree& child : tree.children) walk(child, path + ' ' + child.name, visit);
}

// In single quotes for any of the three shells: no quotes inside.
std::string plain(std::string_view text) {
  std::string made;
  for (const char c : text) {
    if (c != '\'' && c != '\\' && c != '"' && c != '`' && c != '$') made += c;
  }
  return made;
}

std::vector<std::string> words_of(const CommandTree& tree, const CommandTree& root) {
  std::vector<std::string> words;
  for (const CommandTree& child : tree.children) words.push_back(child.name);
  words.insert(words.end(), tree.choices.begin(), tree.choices.end());
  for (const CommandTree* level : {&tree, &root}) {
    for (const CommandTree::Flag& flag : level->flags) words.insert(words.end(), flag.names.begin(), flag.names.end());
    if (&tree == &root) break;
  }
  return words;
}

// Flags with a value, by what may follow them.
void value_cases(const CommandTree& root, const std::function<void(const CommandTree::Flag&)>& each) {
  std::vector<std::string> seen;
  walk(root, "", [&](const CommandTree& tree, const std::string&) {
    for (const CommandTree::Flag& flag : tree.flags) {
      const std::string key = fmt::format("{}", fmt::join(flag.names, "|"));
      if (!flag.takes_value || std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
      seen.push_back(key);
      each(flag);
    }
  });
}

std::string bash_script(const CommandTree& root) {
  std::vector<std::string> paths;
  std::string cases;
  walk(root, "", [&](const CommandTree& tree, const std::string& path) {
    if (!path.empty()) paths.push_back('"' + path + '"');
    cases += fmt::format("    \"{}\") words='{}'{} ;;\n", path, fmt::join(words_of(tree, root), " "),
                         tree.takes_files ? "; files=1" : "");
  });
  std::string values;
  value_cases(root, [&](const CommandTree::Flag& flag) {
    const std::string reply = flag.choices.empty()
                                  ? "compgen -f -- \"$current\""
                                  : fmt::format("compgen -W '{}' -- \"$current\"", fmt::join(flag.choices, " "));
    values += fmt::format("    {}) COMPREPLY=($({})); return ;;\n", fmt::join(flag.names, "|"), reply);
  });
  return fmt::format(R"(# bash completion for sluice; source <(sluice completion bash)
_sluice() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} path= words= files= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path ${{COMP_WORDS[i]}}" in
    {}) path="$path ${{COMP_WORDS[i]}}" ;;
    esac
  done
  case ${{COMP_WORDS[COMP_CWORD - 1]}} in
{}  esac
  case $path in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ $files ]]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}}
complete -o filenames -F _sluice sluice
)",
                     fmt::join(paths, "|"), values, cases);
}

std::string zsh_script(const CommandTree& root) {
  std::vector<std::string> paths;
  std::string cases;
  walk(root, "", [&](const CommandTree& tree, const std::string& path) {
    if (!path.empty()) paths.push_back('"' + path + '"');
    std::string entries;
    for (const CommandTree& child : tree.children) {
      entries += fmt::format(" '{}:{}'", child.name, plain(child.description));
    }
    for (const std::string& choice : tree.choices) entries += fmt::format(" '{}'", choice);
    std::string flags;
    for (const CommandTree* level : {&tree, &root}) {
      for (const CommandTree::Flag& flag : level->flags) {
        for (const std::string& name : flag.names) flags += fmt::format(" '{}:{}'", name, plain(flag.description));
      }
      if (&tree == &root) break;
    }
    cases += fmt::format("    \"{}\") entries=({}); flags=({}){} ;;\n", path, entries.empty() ? "" : entries.substr(1),
                         flags.empty() ? "" : flags.substr(1), tree.takes_files ? "; files=1" : "");
  });
  std::string values;
  value_cases(root, [&](const CommandTree::Flag& flag) {
    const std::string reply =
        flag.choices.empty() ? std::string("_files") : fmt::format("compadd -- {}", fmt::join(flag.choices, " "));
    values += fmt::format("    {}) {}; return ;;\n", fmt::join(flag.names, "|"), reply);
  });
  return fmt::format(R"(#compdef sluice
# zsh completion for sluice; put it into a directory of $fpath as _sluice
_sluice() {{
  local command_path= files= i
  local -a entries flags
  for ((i = 2; i < CURRENT; i++)); do
    case "$command_path ${{words[i]}}" in
    {}) command_path="$command_path ${{words[i]}}" ;;
    esac
  done
  case ${{words[CURRENT - 1]}} in
{}  esac
  case $command_path in
{}  esac
  if [[ ${{words[CURRENT]}} == -* ]]; then
    _describe option flags -o
  else
    (( $#entries )) && _describe command entries
    [[ -n $files ]] && _files
  fi
}}
if [[ $funcstack[1] == _sluice ]]; then _sluice "$@"; else compdef _sluice sluice; fi
)",
                     fmt::join(paths, "|"), values, cases);
}

std::string fish_flag(const CommandTree::Flag& flag, const std::string& condition) {
  std::string line = "complete -c sluice";
  if (!condition.empty()) line += fmt::format(" -n '{}'", condition);
  for (const std::string& name : flag.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (flag.takes_value) line += flag.choices.empty() ? " -rF" : fmt::format(" -xa '{}'", fmt::join(flag.choices, " "));
  return line + fmt::format(" -d '{}'\n", plain(flag.description));
}

std::string fish_script(const CommandTree& root) {
  std::string script = "# fish completion for sluice; sluice completion fish | source\ncomplete -c sluice -f\n";
  walk(root, "", [&](const CommandTree& tree, const std::string& path) {
    // Every word of the path seen, none of the children yet.
    std::string condition;
    for (std::size_t at = 1; at < path.size();) {
      const std::size_t end = std::min(path.find(' ', at), path.size());
      condition +=
          fmt::format("{}__fish_seen_subcommand_from {}", condition.empty() ? "" : "; and ", path.substr(at, end - at));
      at = end + 1;
    }
    std::vector<std::string> children;
    for (const CommandTree& child : tree.children) children.push_back(child.name);
    const std::string before_children =
        children.empty() ? condition
                         : fmt::format("{}not __fish_seen_subcommand_from {}",
                                       condition.empty() ? "" : condition + "; and ", fmt::join(children, " "));
    for (const CommandTree& child : tree.children) {
      script += fmt::format("complete -c sluice -n '{}' -a {} -d '{}'\n", before_children, child.name,
                            plain(child.description));
    }
    if (!tree.choices.empty()) {
      script += fmt::format("complete -c sluice -n '{}' -a '{}'\n", condition, fmt::join(tree.choices, " "));
    }
    if (tree.takes_files) script += fmt::format("complete -c sluice -n '{}' -F\n", condition);
    for (const CommandTree::Flag& flag : tree.flags) script += fish_flag(flag, condition);
  });
  return script;
}

}  // namespace

ExitCode run_completion(const Context&, const CompletionOptions& options, const CommandTree& tree) {
  if (options.shell == "bash") print(bash_script(tree));
  if (options.shell == "zsh") print(zsh_script(tree));
  if (options.shell == "fish") print(fish_script(tree));
  return ExitCode::ok;
}

}  // namespace sluice::cli
