// Undoes gzip as the bytes arrive, and never makes more than it may.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace castiel_sync {

class HttpGunzip {
public:
    enum class Verdict { fine, damaged, too_much };

    HttpGunzip();
    ~HttpGunzip();
    HttpGunzip(const HttpGunzip&) = delete;
    HttpGunzip& operator=(const HttpGunzip&) = delete;

    // Appends to `text` until that has `limit` bytes.
    [[nodiscard]] Verdict put(std::string_view compressed, std::string& text, std::size_t limit);
    // Whether what was put in is complete. Nothing at all is, too: some servers compress an empty body to that.
    [[nodiscard]] bool is_whole() const { return place_ != Place::within; }

private:
    enum class Place { before, within, behind };
    struct Stream; // keeps zlib to one file

    std::unique_ptr<Stream> stream_;
    Place place_ = Place::before;
};

} // namespace castiel_sync
