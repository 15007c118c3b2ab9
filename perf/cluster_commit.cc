// SPDX-License-Identifier: Apache-2.0
// What an acknowledged change costs a cluster of three: real disks with fsync, TLS between the balancers, the model,
// all in one process, three event loops on the cores there are. Ratios to the disk's own fdatasync of a page, same run.
//
//   cluster_commit [SECONDS [IN_FLIGHT]]
//
// Ends with one line of JSON.
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "cert_files.h"
#include "cert_issue.h"
#include "cluster_state.h"
#include "node_runtime.h"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;

constexpr std::size_t nodes = 3;
constexpr std::uint16_t backends = 64;
// Longer than the generation after a change takes, and what has to lie between it and the next.
constexpr std::chrono::milliseconds rest_between{20};
const std::string cluster_id = "commit";

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "cluster_commit: %s\n", result.error().context.c_str());
  std::exit(1);
}
void must(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "cluster_commit: %s\n", status.error().context.c_str());
  std::exit(1);
}

double percentile(std::vector<double>& values, double share) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

double ms_since(Clock::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

// A page more at the end of a file, and on disk: what any acknowledged write takes at least. With several at once on
// one disk, as the balancers of this benchmark are, each takes longer.
double floor_ms(const std::string& folder, std::size_t at_once, int count) {
  std::vector<std::vector<double>> took(at_once);
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < at_once; ++number) {
    threads.emplace_back([&folder, &took, number, count] {
      const std::string path = folder + "/floor" + std::to_string(number);
      const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      const std::string page(4096, 'x');
      for (int i = 0; i < count; ++i) {
        const Clock::time_point began = Clock::now();
        if (write(file, page.data(), page.size()) != static_cast<ssize_t>(page.size()) || fdatasync(file) != 0)
          std::exit(1);
        took[number].push_back(ms_since(began));
      }
      close(file);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return percentile(took[0], 0.5);
}

std::uint16_t free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(probe, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::exit(1);
  close(probe);
  return ntohs(address.sin_port);
}

class Cluster {
 public:
  explicit Cluster(std::string folder) : folder_(std::move(folder)) {
    const io::CertLifetime lifetime{std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()),
                                    std::chrono::days(1)};
    ca_ = must(io::make_ca(cluster_id, lifetime));
    must(io::write_file_whole(folder_ + "/ca.crt", ca_.cert_pem, io::FileKind::open, io::Existing::keep));
    model::ClusterSeed seed;
    seed.cluster_id = cluster_id;
    seed.name = cluster_id;
    seed.hash_key.fill(7);
    const auto first = std::make_shared<const std::string>(must(model::ClusterState::make(seed)).snapshot());
    raft::Configuration configuration;
    for (std::size_t i = 1; i <= nodes; ++i)
      configuration.members.push_back({raft::NodeId(i), raft::MemberRole::voter, "lb" + std::to_string(i),
                                       "127.0.0.1:" + std::to_string(free_port())});
    for (const raft::Member& member : configuration.members) start(member, configuration, first, lifetime);
    for (auto& context : contexts_) threads_.emplace_back([&context] { context->run(); });
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster() {
    for (std::size_t i = 0; i < runtimes_.size(); ++i)
      boost::asio::post(*contexts_[i], [this, i] { runtimes_[i]->stop(); });
    for (std::thread& thread : threads_) thread.join();
    runtimes_.clear();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::size_t leader() {
    for (const Clock::time_point until = Clock::now() + std::chrono::seconds(30); Clock::now() < until;) {
      for (std::size_t i = 0; i < nodes; ++i) {
        if (leads(i)) return i;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    std::fputs("cluster_commit: nobody leads\n", stderr);
    std::exit(1);
  }

  [[nodiscard]] bool leads(std::size_t index) {
    std::promise<bool> answer;
    boost::asio::post(*contexts_[index], [&] { answer.set_value(node(index).replica().is_leader()); });
    return answer.get_future().get();
  }
  [[nodiscard]] boost::asio::io_context& context(std::size_t index) { return *contexts_[index]; }
  [[nodiscard]] node::Node& node(std::size_t index) { return runtimes_[index]->node(); }
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  void start(const raft::Member& member, const raft::Configuration& configuration,
             const std::shared_ptr<const std::string>& first, const io::CertLifetime& lifetime) {
    const std::string stem = folder_ + "/" + member.name;
    io::IssueRequest request;
    request.name = {io::CertKind::node, cluster_id, member.id.value(), io::CertRole::viewer, {}};
    request.common_name = member.name;
    const io::KeyAndCert made = must(io::issue_certificate(ca_, request, lifetime));
    must(io::write_file_whole(stem + ".key", made.key_pem, io::FileKind::secret, io::Existing::keep));
    must(io::write_file_whole(stem + ".crt", made.cert_pem, io::FileKind::open, io::Existing::keep));
    const io::StoreIdentity identity{cluster_id, member.id};
    must(io::Store::create(stem + ".db", identity, raft::bootstrap_state(configuration, first)));
    io::RuntimeOptions options;
    options.node.name = member.name;
    options.node.replica.raft.id = member.id;
    options.node.replica.raft.heartbeat_ticks = 5;
    options.node.replica.raft.election_ticks = 20;
    options.peers = {cluster_id,
                     member.id,
                     model::feature_level_supported,
                     member.address,
                     member.address,
                     {folder_ + "/ca.crt", stem + ".crt", stem + ".key"},
                     {}};
    io::NodeRuntime::Callbacks callbacks;
    callbacks.log = [](const std::string&) {};
    callbacks.failed = [](const std::string& why) {
      std::fprintf(stderr, "cluster_commit: %s\n", why.c_str());
      std::exit(1);
    };
    contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
    runtimes_.push_back(must(io::NodeRuntime::start(*contexts_.back(), std::move(options),
                                                    must(io::Store::open(stem + ".db", identity)), callbacks)));
  }

  std::string folder_;
  io::KeyAndCert ca_;
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<std::unique_ptr<io::NodeRuntime>> runtimes_;
  std::vector<std::thread> threads_;
};

// Keeps so many writes of one weight each under way on the leader, for a time; the next at once, or, with one under
// way, after a rest.
class Load {
 public:
  struct Pace {
    unsigned in_flight = 1;
    std::chrono::milliseconds rest{0};
  };
  Load(Cluster& cluster, std::size_t leader, const Pace& pace, std::chrono::milliseconds length)
      : cluster_(cluster),
        leader_(leader),
        pace_(pace),
        until_(Clock::now() + length),
        rest_(cluster.context(leader)) {}

  // Latencies in milliseconds.
  std::vector<double> run() {
    boost::asio::post(cluster_.context(leader_), [this] {
      for (unsigned i = 0; i < pace_.in_flight; ++i) next();
    });
    done_.get_future().wait();
    return std::move(took_);
  }

 private:
  void next() {
    model::Change change;
    change.author.name = "bench";
    const auto backend = static_cast<std::uint16_t>(1 + sent_ % backends);
    change.operations = {
        model::SetWeight{"web", "b" + std::to_string(backend), static_cast<std::uint16_t>(1 + ++sent_ % 900)}};
    const Clock::time_point began = Clock::now();
    ++open_;
    cluster_.node(leader_).write(std::move(change), [this, began](const node::ApiResult<node::WriteReceipt>& receipt) {
      if (!receipt) {
        std::fprintf(stderr, "cluster_commit: %s\n", receipt.error().message.c_str());
        std::exit(1);
      }
      took_.push_back(ms_since(began));
      --open_;
      // In a turn of its own: not from within the node's call.
      boost::asio::post(cluster_.context(leader_), [this] { after_one(); });
    });
  }

  void after_one() {
    if (Clock::now() < until_) {
      if (pace_.rest == std::chrono::milliseconds{0}) return next();
      rest_.expires_after(pace_.rest);
      return rest_.async_wait([this](const boost::system::error_code&) { next(); });
    }
    if (open_ == 0 && !is_done_) {
      is_done_ = true;
      done_.set_value();
    }
  }

  Cluster& cluster_;
  std::size_t leader_;
  Pace pace_;
  Clock::time_point until_;
  boost::asio::steady_timer rest_;  // with one in flight
  std::uint64_t sent_ = 0;
  std::uint64_t open_ = 0;
  bool is_done_ = false;
  std::vector<double> took_;
  std::promise<void> done_;
};

model::Change a_pool() {
  model::Change change;
  PoolConfig pool;
  pool.name = "web";
  pool.slots_count = 16381;
  for (std::uint16_t i = 1; i <= backends; ++i)
    pool.members.push_back({"b" + std::to_string(i), must(IpAddress::parse("10.0.0." + std::to_string(i))), 100});
  change.operations = {model::PutPool{pool}};
  return change;
}

void write(Cluster& cluster, std::size_t leader, model::Change change) {
  // Shared: who waits may be gone before set_value() has returned.
  const auto applied = std::make_shared<std::promise<void>>();
  boost::asio::post(cluster.context(leader), [&cluster, leader, applied, change = std::move(change)]() mutable {
    change.author.name = "bench";
    cluster.node(leader).write(std::move(change), [applied](const node::ApiResult<node::WriteReceipt>& receipt) {
      if (!receipt) {
        std::fprintf(stderr, "cluster_commit: %s\n", receipt.error().message.c_str());
        std::exit(1);
      }
      applied->set_value();
    });
  });
  applied->get_future().wait();
}

struct Floor {
  double alone = 0;
  double together = 0;
};

void print_row(const char* what, std::vector<double>& took, const Floor& floor) {
  const double p50 = percentile(took, 0.5);
  std::printf("%-30s p50 %.3f ms (%.2f x fdatasync, %.2f x of %zu at once), p99 %.3f ms, %zu changes\n", what, p50,
              p50 / floor.alone, p50 / floor.together, nodes, percentile(took, 0.99), took.size());
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  const unsigned in_flight = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 64;
  const std::chrono::milliseconds length(static_cast<int>(seconds * 1000));
  const char* parent = std::getenv("TMPDIR");
  std::string folder = std::string(parent != nullptr ? parent : "/tmp") + "/sluice-commit-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  Cluster cluster(folder);
  const std::size_t leader = cluster.leader();
  write(cluster, leader, a_pool());
  const int count = seconds < 1 ? 20 : 500;
  const Floor floor{floor_ms(folder, 1, count), floor_ms(folder, nodes, count)};
  std::printf("fdatasync of a page: p50 %.3f ms; %zu at once, as here on one disk: %.3f ms\n", floor.alone, nodes,
              floor.together);

  std::vector<double> in_a_row = Load(cluster, leader, {1}, length).run();
  print_row("a change behind another:", in_a_row, floor);
  std::vector<double> at_rest = Load(cluster, leader, {1, rest_between}, length).run();
  print_row("a change on a cluster at rest:", at_rest, floor);
  const Clock::time_point began = Clock::now();
  std::vector<double> together = Load(cluster, leader, {in_flight}, length).run();
  const double rate = static_cast<double>(together.size()) / (ms_since(began) / 1000);
  std::printf("%u in flight: %.0f changes/s, p50 %.3f ms, p99 %.3f ms\n", in_flight, rate, percentile(together, 0.5),
              percentile(together, 0.99));
  const double p50 = percentile(in_a_row, 0.5);
  std::printf(
      "{\"fdatasync_ms\":%.4f,\"fdatasync_together_ms\":%.4f,\"commit_ms_p50\":%.4f,\"ratio\":%.2f,\"in_flight\":%u,"
      "\"per_second\":%.0f}\n",
      floor.alone, floor.together, p50, p50 / floor.alone, in_flight, rate);
  return in_a_row.empty() || at_rest.empty() || together.empty() ? 1 : 0;
}
