// SPDX-License-Identifier: Apache-2.0
// The real server over the fake port, for tests from outside:
//   api_demo_server SOCKET [CLUSTER_ID CERT KEY CA]
// prints the TLS port (0: none) once it listens; ends with its standard input. Lines of input change the weather:
// "leader 0|1", "live N", "silent 0|1", "event KIND TEXT", "advance MS".
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "api_service.h"
#include "fake_port.h"
#include "http_server.h"
#include "tls_files.h"

namespace {

namespace asio = boost::asio;
using namespace sluice;

class Weather {
 public:
  Weather(asio::io_context& context, api::FakePort& port, std::function<void()> end)
      : input_(context, dup(STDIN_FILENO)), port_(port), end_(std::move(end)) {
    next();
  }

 private:
  void next() {
    asio::async_read_until(input_, asio::dynamic_buffer(text_), '\n',
                           [this](const boost::system::error_code& error, std::size_t count) {
                             if (error) return end_();
                             obey(text_.substr(0, count));
                             text_.erase(0, count);
                             std::puts("done");
                             std::fflush(stdout);
                             next();
                           });
  }
  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    std::uint32_t number = 0;
    if (verb == "event") {
      std::string kind;
      std::string text;
      words >> kind;
      std::getline(words, text);
      return port_.emit(kind, text.empty() ? text : text.substr(1));
    }
    words >> number;
    if (verb == "leader") port_.has_leader = number != 0;
    if (verb == "live") port_.live_planes = number;
    if (verb == "silent") port_.keeps_silent = number != 0;
    if (verb == "advance") port_.advance(std::chrono::milliseconds(number));
  }

  asio::posix::stream_descriptor input_;
  api::FakePort& port_;
  std::function<void()> end_;
  std::string text_;
};

int serve(const std::vector<std::string>& words) {
  asio::io_context context(1);
  api::FakePort port;
  api::fill_sample(port);
  api::ApiService service(port);
  io::HttpServer server(context, service);
  io::UnixListener unix_listener;
  unix_listener.path = words.at(1);
  unix_listener.policy.owner_uid = geteuid();
  if (const Status listening = server.listen_unix(unix_listener); !listening) {
    std::fprintf(stderr, "%s\n", listening.error().context.c_str());
    return 1;
  }
  unsigned tls_port = 0;
  if (words.size() > 5) {
    auto tls = io::make_server_tls({words[3], words[4], words[5]});
    if (!tls) {
      std::fprintf(stderr, "%s\n", tls.error().context.c_str());
      return 1;
    }
    const auto bound = server.listen_tls({"127.0.0.1", 0, words[2]}, *tls);
    if (!bound) return 1;
    tls_port = *bound;
  }
  std::printf("%u\n", tls_port);
  std::fflush(stdout);
  // The context runs on until the last connection has ended.
  Weather weather(context, port, [&] { server.stop(); });
  context.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return serve(std::vector<std::string>(argv, argv + argc));
}
