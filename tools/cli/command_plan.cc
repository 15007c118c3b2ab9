// SPDX-License-Identifier: Apache-2.0
// sluice plan: what a change would move, before it is made. Of two files it is computed here; of the cluster, with its
// tables and their history, by the node that is asked.
#include "api_client.h"
#include "cluster_call.h"
#include "cluster_config.h"
#include "commands.h"
#include "config_file.h"
#include "json_members.h"
#include "plan_json.h"
#include "plan_text.h"
#include "static_model.h"

namespace sluice::cli {
namespace {

namespace json = boost::json;

ExitCode show(const Context& context, const Plan& plan) {
  if (context.json()) {
    print_json(plan_json(plan));
  } else {
    print_plan(context, plan);
  }
  return ExitCode::ok;
}

ExitCode plan_in_cluster(const Context& context, const PlanOptions& options) {
  ApiCall call;
  call.target = "/v1/plan";
  const Outcome<json::object> answer = send_config(context, options.after, std::move(call), {});
  if (!answer) return report(context, answer.error());
  const ExitCode code = show(context, plan_of_json(object_of(member_of(answer.value(), "plan"))));
  if (!context.json()) print_guards(context, answer.value());
  return code;
}

}  // namespace

ExitCode run_plan(const Context& context, const PlanOptions& options) {
  if (!options.before && asks_cluster(context)) return plan_in_cluster(context, options);
  const Outcome<Config> before = options.before ? load_config(context, *options.before) : running_config(context);
  if (!before) return report(context, before.error());
  const Outcome<Config> after = load_config(context, options.after);
  if (!after) return report(context, after.error());
  const Result<ForwardingModel> model_before = forwarding_model_of(before.value());
  if (!model_before) return report(context, failure_of(model_before.error()));
  const Result<ForwardingModel> model_after = forwarding_model_of(after.value());
  if (!model_after) return report(context, failure_of(model_after.error()));

  return show(context, make_plan({&before.value(), &model_before.value()}, {&after.value(), &model_after.value()}));
}

}  // namespace sluice::cli
