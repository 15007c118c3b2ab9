// SPDX-License-Identifier: Apache-2.0
// Clients of a real cluster, and a judge of what they saw: each of them reads and writes weights of a few backends
// through the API of whichever balancer it has, for a time; afterwards every backend's weight must be a linearizable
// register. Ends with one line of JSON, and exit code 1 if it is not.
//
//   cluster_load SECONDS CLIENTS BACKENDS SOCKET...
//
// A refusal for want of a leader says that nothing was written: that operation must then have had no effect. An answer
// that never came may have had one.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "linearizable.h"
#include "test_seed.h"

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using sluice::sim::Operation;
using sluice::sim::OperationKind;

struct Plan {
  double seconds = 0;
  unsigned clients = 0;
  unsigned backends = 0;
  std::vector<std::string> sockets;
  std::uint64_t seed = 0;
};

struct Seen {
  std::vector<std::vector<Operation>> by_backend;
  std::uint64_t refused = 0;  // no leader: nothing was written
  std::uint64_t unknown = 0;  // no answer
  std::uint64_t other = 0;    // an answer that this load does not expect
  std::string other_text;
  std::vector<double> write_ms;
};

// One keep-alive connection to a balancer's API.
class Connection {
 public:
  explicit Connection(std::string path) : path_(std::move(path)), socket_(context_) {}

  // Nothing: the connection broke, before or after the request was read.
  std::optional<http::response<http::string_body>> ask(http::verb verb, const std::string& target,
                                                       const std::string& body) {
    boost::system::error_code failed;
    if (!is_open_) {
      socket_ = asio::local::stream_protocol::socket(context_);
      socket_.connect(path_, failed);
      if (failed) return std::nullopt;
      is_open_ = true;
      buffer_.clear();
    }
    http::request<http::string_body> request(verb, target, 11);
    request.set(http::field::host, "sluice");
    request.body() = body;
    request.prepare_payload();
    http::response<http::string_body> response;
    http::write(socket_, request, failed);
    if (!failed) http::read(socket_, buffer_, response, failed);
    if (failed || !response.keep_alive()) is_open_ = false;
    if (failed) return std::nullopt;
    return response;
  }
  [[nodiscard]] bool is_open() const { return is_open_; }

 private:
  std::string path_;
  asio::io_context context_;
  asio::local::stream_protocol::socket socket_;
  boost::beast::flat_buffer buffer_;
  bool is_open_ = false;
};

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
}

std::optional<std::uint64_t> number_in(const std::string& body, std::string_view key) {
  boost::system::error_code failed;
  const json::value value = json::parse(body, failed);
  if (failed || !value.is_object()) return std::nullopt;
  const json::value* found = value.as_object().if_contains(key);
  if (found == nullptr) return std::nullopt;
  const auto number = found->to_number<std::uint64_t>(failed);
  return failed ? std::nullopt : std::optional(number);
}

std::string code_in(const std::string& body) {
  boost::system::error_code failed;
  const json::value value = json::parse(body, failed);
  if (failed) return {};
  const json::value* code = value.find_pointer("/error/code", failed);
  return code != nullptr && code->is_string() ? std::string(code->as_string()) : std::string();
}

class Client {
 public:
  Client(const Plan& plan, unsigned number) : plan_(plan), number_(number), random_(plan.seed + number) {
    seen_.by_backend.resize(plan.backends);
    for (const std::string& socket : plan.sockets) connections_.emplace_back(std::make_unique<Connection>(socket));
  }

  void run(Clock::time_point until) {
    std::size_t at = number_ % connections_.size();
    while (Clock::now() < until) {
      if (!step(*connections_[at])) {
        at = (at + 1) % connections_.size();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    }
  }
  Seen& seen() { return seen_; }

 private:
  // False: try another balancer.
  bool step(Connection& connection) {
    const std::size_t backend = random_() % plan_.backends;
    const std::string target = "/v1/pools/web/backends/b" + std::to_string(backend + 1);
    Operation operation;
    operation.client = number_;
    operation.kind = random_() % 3 == 0 ? OperationKind::read : OperationKind::write;
    const bool is_write = operation.kind == OperationKind::write;
    if (is_write) operation.written = 1 + random_() % 1000;
    operation.called = now_ns();
    const auto answer = is_write ? connection.ask(http::verb::put, target + "/weight",
                                                  "{\"weight\":" + std::to_string(operation.written) + "}")
                                 : connection.ask(http::verb::get, target, {});
    const std::uint64_t returned = now_ns();
    if (!answer) {
      ++seen_.unknown;
      if (is_write) seen_.by_backend[backend].push_back(operation);
      return false;
    }
    if (answer->result_int() == 200) {
      operation.returned = returned;
      if (is_write) seen_.write_ms.push_back(static_cast<double>(returned - operation.called) / 1e6);
      if (!is_write) operation.found = number_in(answer->body(), "weight").value_or(0);
      seen_.by_backend[backend].push_back(operation);
      return true;
    }
    const std::string code = code_in(answer->body());
    if (code == "timeout") {
      ++seen_.unknown;
      if (is_write) seen_.by_backend[backend].push_back(operation);
    } else if (code == "no_leader") {
      ++seen_.refused;
    } else {
      ++seen_.other;
      seen_.other_text = answer->body();
    }
    return false;
  }

  const Plan& plan_;
  unsigned number_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Connection>> connections_;
  Seen seen_;
};

double percentile(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

int judge_and_report(const Plan& plan, std::vector<Seen>& all) {
  std::uint64_t operations = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t violations = 0;
  std::uint64_t undecided = 0;
  json::object report;
  for (unsigned backend = 0; backend < plan.backends; ++backend) {
    // What was there before anybody began: the file's weight.
    std::vector<Operation> history = {{OperationKind::write, 0, 100, 0, 1, 0, 0}};
    for (const Seen& seen : all)
      history.insert(history.end(), seen.by_backend[backend].begin(), seen.by_backend[backend].end());
    operations += history.size() - 1;
    const sluice::sim::Judgement judgement = sluice::sim::judge(history);
    if (judgement.verdict == sluice::sim::Verdict::undecided) ++undecided;
    if (judgement.verdict != sluice::sim::Verdict::not_linearizable) continue;
    ++violations;
    std::fprintf(stderr, "b%u: %s\n", backend + 1, sluice::sim::text_of(judgement).c_str());
  }
  std::vector<double> write_ms;
  std::uint64_t refused = 0;
  std::uint64_t unknown = 0;
  std::uint64_t other = 0;
  for (const Seen& seen : all) {
    write_ms.insert(write_ms.end(), seen.write_ms.begin(), seen.write_ms.end());
    refused += seen.refused;
    unknown += seen.unknown;
    other += seen.other;
    if (!seen.other_text.empty()) report["other_text"] = seen.other_text;
  }
  acknowledged = write_ms.size();
  std::sort(write_ms.begin(), write_ms.end());
  report["operations"] = operations;
  report["acknowledged_writes"] = acknowledged;
  report["refused"] = refused;
  report["unknown"] = unknown;
  report["other"] = other;
  report["violations"] = violations;
  report["undecided"] = undecided;
  report["write_ms_p50"] = percentile(write_ms, 0.5);
  report["write_ms_p99"] = percentile(write_ms, 0.99);
  report["write_ms_max"] = percentile(write_ms, 1.0);
  report["seed"] = plan.seed;
  std::puts(json::serialize(report).c_str());
  return violations == 0 && undecided == 0 && other == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fputs("usage: cluster_load SECONDS CLIENTS BACKENDS SOCKET...\n", stderr);
    return 2;
  }
  Plan plan;
  plan.seconds = std::atof(argv[1]);
  plan.clients = static_cast<unsigned>(std::atoi(argv[2]));
  plan.backends = static_cast<unsigned>(std::atoi(argv[3]));
  plan.sockets.assign(argv + 4, argv + argc);
  plan.seed = sluice::testing::seed();
  const Clock::time_point until = Clock::now() + std::chrono::milliseconds(static_cast<int>(plan.seconds * 1000));
  std::vector<std::unique_ptr<Client>> clients;
  for (unsigned i = 0; i < plan.clients; ++i) clients.push_back(std::make_unique<Client>(plan, i));
  std::vector<std::thread> threads;
  for (auto& client : clients) threads.emplace_back([&client, until] { client->run(until); });
  for (std::thread& thread : threads) thread.join();
  std::vector<Seen> all;
  for (auto& client : clients) all.push_back(std::move(client->seen()));
  return judge_and_report(plan, all);
}
