// SPDX-License-Identifier: Apache-2.0
// A vector that costs nothing to copy and whose copies are recognised without being compared. Whoever changes one gets
// storage of its own. Not for sharing between threads that change it.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace sluice {

template <typename T>
class SharedVector {
 public:
  using Items = std::vector<T>;
  using value_type = T;

  SharedVector() = default;
  SharedVector(Items items) : mine_(std::make_shared<Items>(std::move(items))), items_(mine_) {}
  SharedVector(std::initializer_list<T> items) : SharedVector(Items(items)) {}
  // Of somebody else's storage: never changed in place.
  explicit SharedVector(std::shared_ptr<const Items> items) : items_(std::move(items)) {}

  [[nodiscard]] const Items& items() const {
    static const Items none;
    return items_ ? *items_ : none;
  }
  [[nodiscard]] std::size_t size() const { return items().size(); }
  [[nodiscard]] bool empty() const { return items().empty(); }
  [[nodiscard]] const T& operator[](std::size_t i) const { return items()[i]; }
  [[nodiscard]] const T& at(std::size_t i) const { return items().at(i); }
  [[nodiscard]] const T& front() const { return items().front(); }
  [[nodiscard]] const T& back() const { return items().back(); }
  [[nodiscard]] auto begin() const { return items().begin(); }
  [[nodiscard]] auto end() const { return items().end(); }

  // Same storage, hence equal. False says nothing.
  [[nodiscard]] bool is_same(const SharedVector& other) const { return items_ == other.items_; }
  // Identifies the storage for as long as a copy of this lives.
  [[nodiscard]] const void* storage() const { return items_.get(); }

  // Valid until the next copy is made of this.
  [[nodiscard]] Items& edit() {
    // Two of the references are this object's own.
    if (!mine_ || items_.use_count() != 2) *this = SharedVector(Items(items()));
    return *mine_;
  }
  void push_back(T item) { edit().push_back(std::move(item)); }

 private:
  std::shared_ptr<Items> mine_;         // nullptr: `items_` is not to be changed
  std::shared_ptr<const Items> items_;  // nullptr: empty
};

}  // namespace sluice
