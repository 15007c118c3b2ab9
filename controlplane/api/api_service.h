// SPDX-License-Identifier: Apache-2.0
// The API itself: requests -> calls of the cluster port -> answers (docs/api.md). Pure; one thread, the node's.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api_handler.h"
#include "cluster_port.h"
#include "cluster_state.h"
#include "request_target.h"
#include "routes.h"

namespace sluice::api {

class ApiService : public ApiHandler {
 public:
  // `port` must outlive the service; callbacks that the port still holds must not be called once the service has gone.
  explicit ApiService(node::ClusterPort& port) : port_(port) {}

  void handle(ApiRequest request, std::function<void(ApiResponse)> done) override;
  [[nodiscard]] std::unique_ptr<node::Subscription> follow(const EventsFrom& from, node::EventFeed feed) override;
  [[nodiscard]] std::chrono::milliseconds patience(const ApiRequest& request) const override;

 private:
  struct Call {
    ApiRequest request;
    RequestTarget target;
    RouteMatch match;
    std::function<void(ApiResponse)> done;
    [[nodiscard]] const std::string& name(std::size_t at) const { return match.names.at(at); }
  };
  using CallPtr = std::shared_ptr<Call>;
  // What a write asks of the model, given the state if it has to know it.
  using Operations = std::vector<model::Operation>;
  using Build = std::function<node::ApiResult<Operations>(const model::ClusterState&)>;
  using Describe = std::function<node::ApiResult<boost::json::object>(const node::StateView&)>;
  struct Writing;
  using WritingPtr = std::shared_ptr<Writing>;

  // An apply that is rolled back unless it is confirmed.
  struct Unconfirmed {
    std::uint64_t revision = 0;
    std::uint64_t back_to = 0;
    std::chrono::system_clock::time_point deadline;
    model::Author author;
    std::unique_ptr<node::Subscription> timer;
  };

  void dispatch(const CallPtr& call);
  void dispatch_write(const CallPtr& call);
  void fail(const CallPtr& call, const node::ApiError& error);
  void answer(const CallPtr& call, boost::json::object body);

  // api_reads.cc
  enum class Caching : std::uint8_t { by_revision, none };
  void read(const CallPtr& call, Caching caching, std::initializer_list<std::string_view> parameters,
            Describe describe);
  void get_services(const CallPtr& call);
  void get_pools(const CallPtr& call);
  void get_backends(const CallPtr& call);
  void get_config(const CallPtr& call);
  void get_history(const CallPtr& call);
  void get_audit(const CallPtr& call);
  void get_tables(const CallPtr& call);
  void plan(const CallPtr& call);

  // api_admin.cc
  void get_status(const CallPtr& call);
  void get_health(const CallPtr& call);
  void get_metrics(const CallPtr& call);
  void explain(const CallPtr& call);
  void get_snapshot(const CallPtr& call);
  void change_members(const CallPtr& call);
  void add_member(const CallPtr& call);
  void follow_events(const CallPtr& call);

  // api_writes.cc
  enum class Needs : std::uint8_t { nothing, state };
  void begin(const CallPtr& call, Needs needs, Build build);
  void begin_parsed(const WritingPtr& writing);
  void attempt(const WritingPtr& writing);
  void submit(const WritingPtr& writing, Operations operations, std::optional<std::uint64_t> base);
  void written(const WritingPtr& writing, const node::ApiResult<node::WriteReceipt>& result);
  void wait_live(const WritingPtr& writing, const node::WriteReceipt& receipt);
  void write_service(const CallPtr& call, boost::json::object body);
  void write_pool(const CallPtr& call, boost::json::object body);
  void write_backend(const CallPtr& call, boost::json::object body);
  void write_weight(const CallPtr& call, const boost::json::object& body);
  void apply_config(const CallPtr& call, const boost::json::object& body);
  void rollback_config(const CallPtr& call, const boost::json::object& body);
  void confirm_config(const CallPtr& call);
  void arm(const WritingPtr& writing, const node::WriteReceipt& receipt);
  void roll_back_unconfirmed();

  node::ClusterPort& port_;
  std::unique_ptr<Unconfirmed> unconfirmed_;
};

}  // namespace sluice::api
