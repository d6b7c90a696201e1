#include "net/certificates.hpp"

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace castiel_sync::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using X509Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Key make_key() { return {EVP_EC_gen("P-256"), &EVP_PKEY_free}; }

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    REQUIRE(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

X509Certificate make_certificate(EVP_PKEY* key, const std::string& name, int first_day, int last_day) {
    static long number = 1;
    X509Certificate made(X509_new(), &X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++number);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), first_day * 86'400L);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), last_day * 86'400L);
    X509_set_pubkey(made.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return made;
}

template <class Write>
std::string pem(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), &BIO_free);
    REQUIRE(write(memory.get()) == 1);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
    return pem([&](BIO* memory) { return PEM_write_bio_X509(memory, certificate); });
}

} // namespace

struct CertificateAuthority::Parts {
    Key key = make_key();
    X509Certificate certificate = make_certificate(key.get(), "Authority of a test", -10, 10);
};

CertificateAuthority::CertificateAuthority() : parts_(std::make_unique<Parts>()) {
    X509* certificate = parts_->certificate.get();
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
    REQUIRE(X509_sign(certificate, parts_->key.get(), EVP_sha256()) > 0);
    std::string path = (std::filesystem::temp_directory_path() / "castiel_sync_authority_XXXXXX").string();
    const int descriptor = ::mkstemp(path.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    std::ofstream(path) << pem_of(certificate);
    file_ = path;
}

CertificateAuthority::~CertificateAuthority() { std::filesystem::remove(file_); }

Certificate CertificateAuthority::sign(const CertificatePlan& plan) const {
    const Key key = make_key();
    const X509Certificate made = make_certificate(key.get(), "Server of a test", plan.first_day, plan.last_day);
    X509_set_issuer_name(made.get(), X509_get_subject_name(parts_->certificate.get()));
    add_extension(made.get(), parts_->certificate.get(), NID_subject_alt_name, plan.alternative_names);
    REQUIRE(X509_sign(made.get(), parts_->key.get(), EVP_sha256()) > 0);
    Certificate signed_one;
    signed_one.certificate = pem_of(made.get());
    signed_one.key = pem([&](BIO* memory) {
        return PEM_write_bio_PrivateKey(memory, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return signed_one;
}

} // namespace castiel_sync::testing
