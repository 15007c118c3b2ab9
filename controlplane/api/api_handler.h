// SPDX-License-Identifier: Apache-2.0
// What a server of bytes asks of the API.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "api_types.h"
#include "cluster_port.h"

namespace sluice::api {

class ApiHandler {
 public:
  ApiHandler() = default;
  ApiHandler(const ApiHandler&) = delete;
  ApiHandler& operator=(const ApiHandler&) = delete;
  virtual ~ApiHandler() = default;

  // `done` once, now or later, on the same thread.
  virtual void handle(ApiRequest request, std::function<void(ApiResponse)> done) = 0;
  // For a response with `events`.
  [[nodiscard]] virtual std::unique_ptr<node::Subscription> follow(const EventsFrom& from, node::EventFeed feed) = 0;
  // How much longer than usual this request may take, because it asks to wait for something.
  [[nodiscard]] virtual std::chrono::milliseconds patience(const ApiRequest& request) const = 0;
};

}  // namespace sluice::api
