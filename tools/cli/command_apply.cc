// SPDX-License-Identifier: Apache-2.0
// sluice config apply | confirm | rollback | history, and what config diff, config show and plan ask of a cluster.
#include <fmt/format.h>

#include "api_client.h"
#include "change_text.h"
#include "cluster_call.h"
#include "cluster_config.h"
#include "config_file.h"
#include "json_members.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

std::string author_text(const json::object& row) {
  return text_member(object_of(member_of(row, "author")), "name");
}

}  // namespace

Outcome<json::object> send_config(const Context& context, const std::string& file, ApiCall call, json::object body) {
  const Outcome<std::string> text = read_file(file);
  if (!text) return text.error();
  body["config"] = text.value();
  call.method = "POST";
  call.body = json::serialize(body);
  Outcome<json::object> answer = call_api(context, call);
  if (!answer) {
    Failure failure = answer.error();
    for (std::string& detail : failure.details) detail = file + ':' + detail;
    return failure;
  }
  return answer;
}

Outcome<std::string> cluster_config_text(const Context& context) {
  ApiCall call;
  call.target = api_path({"config"});
  const Outcome<json::object> answer = call_api(context, call);
  if (!answer) return answer.error();
  return text_member(answer.value(), "config");
}

ExitCode run_config_apply(const Context& context, const ApplyOptions& options) {
  const Outcome<std::string> text = read_file(options.file);
  if (!text) return report(context, text.error());
  json::object body = {{"config", text.value()}};
  if (options.confirm_within) body["confirm_within"] = *options.confirm_within;
  return write_api(context, options.write,
                   {"POST", api_path({"config", "apply"}), std::move(body), options.file + " applied", options.file});
}

ExitCode run_config_rollback(const Context& context, const RollbackOptions& options) {
  json::object body;
  if (options.to) body["revision"] = *options.to;
  const std::string to = options.to ? std::to_string(*options.to) : "the one before";
  return write_api(context, options.write,
                   {"POST", api_path({"config", "rollback"}), std::move(body), "rolled back to revision " + to, ""});
}

ExitCode run_config_confirm(const Context& context, const WriteOptions&) {
  ApiCall call;
  call.method = "POST";
  call.target = api_path({"config", "confirm"});
  const Outcome<json::object> answer = call_api(context, call);
  if (!answer) return report(context, answer.error());
  if (context.json()) {
    print_json(answer.value());
  } else {
    print(fmt::format("revision {} stays\n", number_member(answer.value(), "confirmed")));
  }
  return ExitCode::ok;
}

ExitCode run_config_history(const Context& context, const ReadOptions& options) {
  return show_api(context, options, api_path({"config", "history"}), [&](const json::object& answer) {
    return print_list(context, array_member(answer, "revisions"),
                      {number_column("REVISION", "revision"),
                       text_column("TIME", "time"),
                       {{"AUTHOR", Align::left}, author_text},
                       text_column("CHANGE", "summary"),
                       text_column("MESSAGE", "comment")},
                      "no revisions");
  });
}

}  // namespace sluice::cli
