// SPDX-License-Identifier: Apache-2.0
// sluice events, sluice audit list | verify
#include <fmt/format.h>

#include "api_client.h"
#include "api_failure.h"
#include "audit_chain.h"
#include "cluster_call.h"
#include "json_members.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

std::string author_text(const json::object& row) {
  const json::object& author = object_of(member_of(row, "author"));
  return fmt::format("{} ({})", text_member(author, "name"), text_member(author, "origin"));
}

void print_event(const Context& context, const ServerEvent& event) {
  if (context.json()) {
    print(event.data + '\n');
    return;
  }
  boost::system::error_code error;
  const json::value data = json::parse(event.data, error);
  const json::object& object = error ? object_of({}) : object_of(data);
  if (event.kind == "gap") {
    print(fmt::format("events up to {} are not remembered any more\n", number_member(object, "oldest")));
    return;
  }
  print(fmt::format("{}  {:<10}  {}\n", text_member(object, "time"), text_member(object, "kind"),
                    text_member(object, "text")));
}

Outcome<json::object> read_audit(const Context& context, const std::string& query) {
  ApiCall call;
  call.target = api_path({"audit"}) + query;
  return call_api(context, call);
}

}  // namespace

// Without --follow: those that the node remembers, which it sends at once and in one piece before anything new.
ExitCode run_events(const Context& context, const EventsOptions& options) {
  ApiCall call;
  call.target = api_path({"events"});
  const bool from_start = !options.follows && !options.since;
  std::string separator = "?";
  if (options.since || from_start) {
    call.target += fmt::format("?after={}", options.since.value_or(0));
    separator = "&";
  }
  if (!options.kind.empty()) call.target += separator + "kind=" + percent_encoded(options.kind);
  const auto each = [&](const ServerEvent& event) {
    if (event.kind == "now" && !options.follows) return false;
    if (event.kind != "now") print_event(context, event);
    return flush_output();
  };
  const Outcome<void> followed = follow_api(context, call, each);
  return followed ? ExitCode::ok : report(context, followed.error());
}

ExitCode run_audit_list(const Context& context, const AuditOptions& options) {
  const Outcome<json::object> answer = read_audit(context, fmt::format("?limit={}", options.limit));
  if (!answer) return report(context, answer.error());
  if (context.json()) {
    print_json(answer.value());
    return ExitCode::ok;
  }
  return print_list(context, array_member(answer.value(), "entries"),
                    {number_column("NUMBER", "sequence"),
                     text_column("TIME", "time"),
                     {{"AUTHOR", Align::left}, author_text},
                     text_column("OUTCOME", "outcome"),
                     number_column("REVISION", "revision"),
                     text_column("CHANGE", "summary"),
                     text_column("MESSAGE", "comment"),
                     text_column("CHAIN", "chain", ListColumn::When::wide)},
                    "nothing was ever written");
}

ExitCode run_audit_verify(const Context& context) {
  const Outcome<json::object> answer = read_audit(context, "");
  if (!answer) return report(context, answer.error());
  const Outcome<AuditSummary> verified = verify_audit(answer.value());
  if (!verified) return report(context, verified.error());
  if (context.json()) {
    print_json({{"ok", true}, {"entries", verified->entries}, {"first", verified->first}, {"head", verified->head}});
  } else {
    print(fmt::format("{} entries from number {} on, unbroken; head {}\n", grouped(verified->entries), verified->first,
                      verified->head));
  }
  return ExitCode::ok;
}

}  // namespace sluice::cli
